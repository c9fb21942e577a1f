//! The words of SQL that a shape shows in upper case.

/// The upper-case form of a keyword, in `room`.
pub(super) fn keyword<'a>(word: &str, room: &'a mut [u8; 24]) -> Option<&'a str> {
    let room = room.get_mut(..word.len())?;
    room.copy_from_slice(word.as_bytes());
    room.make_ascii_uppercase();
    let upper = std::str::from_utf8(room).ok()?;
    KEYWORDS.binary_search(&upper).is_ok().then_some(upper)
}

/// Reserved words, and the others that make a statement's skeleton. Words that are common as
/// column names (`name`, `value`, `key`, `type`, `text`) are left as written. Sorted.
#[rustfmt::skip]
static KEYWORDS: &[&str] = &[
    "ABORT", "ADD", "ALL", "ALTER", "ANALYZE", "AND", "ANY", "ARRAY", "AS", "ASC", "BEGIN",
    "BETWEEN", "BY", "CALL", "CASCADE", "CASE", "CAST", "CHECKPOINT", "CLOSE", "CLUSTER", "COLLATE",
    "COLUMN", "COMMENT", "COMMIT", "CONFLICT", "CONSTRAINT", "COPY", "CREATE", "CROSS", "CURRENT",
    "CURSOR", "DATABASE", "DEALLOCATE", "DECLARE", "DEFAULT", "DELETE", "DESC", "DISCARD",
    "DISTINCT", "DO", "DROP", "ELSE", "END", "ESCAPE", "EXCEPT", "EXECUTE", "EXISTS", "EXPLAIN",
    "EXTENSION", "FALSE", "FETCH", "FILTER", "FIRST", "FOR", "FOREIGN", "FORWARD", "FROM", "FULL",
    "FUNCTION", "GRANT", "GROUP", "HAVING", "HOLD", "IF", "ILIKE", "IN", "INDEX", "INNER", "INSERT",
    "INTERSECT", "INTERVAL", "INTO", "IS", "ISNULL", "ISOLATION", "JOIN", "LAST", "LATERAL", "LEFT",
    "LEVEL", "LIKE", "LIMIT", "LISTEN", "LOCAL", "LOCK", "LOCKED", "MATERIALIZED", "MERGE", "MOVE",
    "NATURAL", "NOT", "NOTHING", "NOTIFY", "NOTNULL", "NOWAIT", "NULL", "NULLS", "OFFSET", "ON",
    "ONLY", "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PASSWORD", "PREPARE", "PRIMARY", "READ",
    "RECURSIVE", "REFERENCES", "REFRESH", "REINDEX", "RELEASE", "RESET", "RETURNING", "REVOKE",
    "RIGHT", "ROLE", "ROLLBACK", "ROW", "ROWS", "SAVEPOINT", "SCHEMA", "SELECT", "SESSION", "SET",
    "SHARE", "SHOW", "SIMILAR", "SKIP", "SOME", "START", "STDIN", "STDOUT", "TABLE", "TEMP",
    "TEMPORARY", "THEN", "TO", "TRANSACTION", "TRIGGER", "TRUE", "TRUNCATE", "UNION", "UNIQUE",
    "UNLISTEN", "UPDATE", "USER", "USING", "VACUUM", "VALUES", "VIEW", "WHEN", "WHERE", "WINDOW",
    "WITH", "WITHOUT", "WORK", "WRITE",
];

#[cfg(test)]
mod tests {
    #[test]
    fn sorted() {
        assert!(super::KEYWORDS.is_sorted());
    }
}
