use super::*;

fn op(sql: &str) -> String {
    shape(sql.as_bytes(), false).op.into()
}

fn cut(sql: &str) -> String {
    shape(sql.as_bytes(), true).op.into()
}

#[test]
fn shapes() {
    let table = [
        ("select 1", "SELECT ?"),
        (
            "select  a,b\n from t -- secret\n where x='secret'",
            "SELECT a, b FROM t WHERE x = ?",
        ),
        (
            "select /* secret /* nested */ */ count(*) from t",
            "SELECT count(*) FROM t",
        ),
        (
            "SELECT id FROM t WHERE id IN (1, 2, 3)",
            "SELECT id FROM t WHERE id IN (?)",
        ),
        (
            "SELECT id FROM t WHERE id IN ($1,$2)",
            "SELECT id FROM t WHERE id IN (?)",
        ),
        (
            "SELECT 1 WHERE a IN (SELECT b FROM c)",
            "SELECT ? WHERE a IN (SELECT b FROM c)",
        ),
        (
            "INSERT INTO t (a, b) VALUES (1, 'secret'), (2, f('secret')) RETURNING id",
            "INSERT INTO t (a, b) VALUES (?) RETURNING id",
        ),
        (
            "select $$secret$$, $tag$ ' secret $tag$, E'it\\'s secret', b'101', x'ff'",
            "SELECT ?, ?, ?, ?, ?",
        ),
        ("select U&'secret', N'secret'", "SELECT ?, ?"),
        ("select '[1,2]'::vector", "SELECT ?::vector"),
        (
            "select -5, a - 5, (-1.5e3), a-$1",
            "SELECT ?, a - ?, (?), a - $1",
        ),
        (
            "select date '2020-01-01', interval '1 day'",
            "SELECT date ?, INTERVAL ?",
        ),
        ("select 'it''s secret', a", "SELECT ?, a"),
        (
            "select array[1,2,3], a[1], t.\"Odd Name\"",
            "SELECT ARRAY[?], a[?], t.\"Odd Name\"",
        ),
        (
            "set application_name to secret",
            "SET application_name TO ?",
        ),
        (
            "set session x = secret, secret; select 1",
            "SET SESSION x = ?; SELECT ?",
        ),
        (
            "update t set a = b, c = 'secret' where d = 0x1F",
            "UPDATE t SET a = b, c = ? WHERE d = ?",
        ),
        (
            "alter role bob password 'secret'",
            "ALTER ROLE bob PASSWORD ?",
        ),
        ("savepoint sa_1_99", "SAVEPOINT ?"),
        ("begin; select 1; commit;", "BEGIN; SELECT ?; COMMIT"),
        ("do $$ begin raise 'secret'; end $$", "DO ?"),
        ("select where id = 9f8e7d", "SELECT WHERE id = ?"),
        (
            "select a::int4, f(a, $1), not (b)",
            "SELECT a::int4, f(a, $1), NOT (b)",
        ),
        ("copy u from stdin", "COPY u FROM STDIN"),
        ("", ""),
    ];
    for (sql, want) in table {
        assert_eq!(op(sql), want, "{sql}");
    }
    assert!(shape(b"copy u from stdin", false).copy_in);
    assert!(!shape(b"copy u to stdout", false).copy_in);
}

#[test]
fn unreadable_ends_the_shape() {
    // standard_conforming_strings may be off: then the literal goes on.
    assert_eq!(op(r"select 'a\' || secret || '"), "SELECT ? …");
    assert_eq!(op(r"select 'a\'' , secret , '"), "SELECT ? …");
    assert_eq!(op("select a, 'secret"), "SELECT a, …");
    assert_eq!(op("select a, $x$ secret"), "SELECT a, …");
    assert_eq!(op("select \"secret"), "SELECT …");
    assert_eq!(op("select /* secret"), "SELECT …");
    assert_eq!(cut("select a from tabl"), "SELECT a FROM …");
    assert_eq!(cut("select a where b = 12"), "SELECT a WHERE b = …");
    assert_eq!(cut("select a where b = 'secr"), "SELECT a WHERE b = …");
    assert_eq!(
        cut("insert into t values ('a', 'secr"),
        "INSERT INTO t VALUES (?) …"
    );
    assert_eq!(cut("sel"), "…");
}

#[test]
fn every_cut_of_a_statement_hides_its_literals() {
    let sql = "select 'secret', $$secret$$, E'\\'secret', $q$secret$q$, 0secret, N'secret', \
               U&'secret', x'secret' -- secret\n from t where a in ('secret') /* secret */";
    for end in 0..=sql.len() {
        let shown = shape(&sql.as_bytes()[..end], end < sql.len()).op;
        assert!(!shown.contains("ecret"), "{end}: {shown}");
    }
}

#[test]
fn distance_operators_in_a_select_are_vector_search() {
    for op in ["<->", "<=>", "<#>", "<+>", "<~>", "<%>"] {
        for sql in [
            format!("SELECT id FROM t ORDER BY e {op} $1 LIMIT 5"),
            format!("select id from t order by e{op}'[1,2]' limit 5"),
            format!("with q as (select e{op}$1 d from t) select * from q"),
            format!("begin; select e {op} $1 from t"),
        ] {
            let found = shape(sql.as_bytes(), false);
            assert_eq!(found.role, Role::VectorSearch, "{sql}: {}", found.op);
            assert!(found.op.contains(&format!("e {op} ")), "{}", found.op);
        }
        let other = format!("delete from t where e {op} $1 < 2");
        assert_eq!(shape(other.as_bytes(), false).role, Role::Database);
    }
    assert_eq!(shape(b"select '<=>', a <= b", false).role, Role::Database);
}

#[test]
fn shapes_are_bounded() {
    let long = format!("select {} from t order by e <=> $1", "colümn, ".repeat(100));
    let found = shape(long.as_bytes(), false);
    assert!(
        found.op.len() <= SHAPE_BYTES_MAX && found.op.ends_with('…'),
        "{}",
        found.op
    );
    assert_eq!(found.role, Role::VectorSearch);
    assert!(prefixed("PREPARE", &found.op).len() <= SHAPE_BYTES_MAX);
}

proptest::proptest! {
    #[test]
    fn any_text_is_bounded(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600), cut: bool) {
        proptest::prop_assert!(shape(&text, cut).op.len() <= SHAPE_BYTES_MAX);
    }

    #[test]
    fn sql_like_text_never_panics(text in "[-a-zE0-9'\"$();,\\[\\].:<=># \\\\/*\n]{0,80}", cut: bool) {
        proptest::prop_assert!(shape(text.as_bytes(), cut).op.len() <= SHAPE_BYTES_MAX);
    }
}
