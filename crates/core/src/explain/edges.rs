//! Sums requests per service edge in time buckets: the bounded memory behind `explain` and `top`.

use super::cell::Cell;
use super::edge::{EdgeKey, EdgeRef};
use super::recall::Recall;
use super::view::EdgeView;
use crate::exchange::record::Record;
use hashbrown::HashTable;
use std::collections::VecDeque;

/// Sizes of an [`EdgeTable`]; all memory follows from them.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Edges told apart; requests of further edges count as `other`.
    pub edges: usize,
    /// Cells (one edge in one bucket) held at once. When they run out the oldest bucket is given
    /// up: the window gets shorter, no request is missed in what is left.
    pub cells: usize,
    /// Length of a bucket.
    pub bucket_ns: u64,
    /// Buckets kept.
    pub buckets: u64,
}

impl Default for Sizes {
    /// The last five minutes of 512 edges in at most 6 MB: 68 edges busy all the time fit in full.
    fn default() -> Self {
        Self {
            edges: 512,
            cells: 2048,
            bucket_ns: 10_000_000_000,
            buckets: 30,
        }
    }
}

/// What the table's bounds cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Requests counted as `other` because the edges ran out.
    pub requests_in_other: u64,
    /// Cells given up before their time because the cells ran out.
    pub cells_given_up: u64,
}

/// Place of the `other` edge.
const OTHER: u32 = 0;

/// Requests summed per service edge and time bucket.
#[derive(Debug)]
pub struct EdgeTable {
    sizes: Sizes,
    /// Edge numbers by key; `other` is not in it.
    index: HashTable<u32>,
    recall: Recall,
    edges: Vec<Option<Edge>>,
    free_edges: Vec<u32>,
    cells: Vec<Cell>,
    free_cells: Vec<u32>,
    /// Cells in use, oldest bucket first.
    live: VecDeque<Live>,
    /// Number of the newest bucket.
    bucket: u64,
    /// Buckets before this one are no longer whole, for cells ran out.
    given_up_bucket: u64,
    /// Time of the first request.
    first_ns: u64,
    overflow: Overflow,
}

#[derive(Debug)]
struct Edge {
    key: EdgeKey,
    /// Newest bucket it has a cell in, and that cell.
    bucket: u64,
    cell: u32,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    bucket: u64,
    edge: u32,
    cell: u32,
}

/// No bucket has this number.
const NEVER: u64 = u64::MAX;

impl EdgeTable {
    /// An empty table. Memory is taken as edges show up, up to [`EdgeTable::memory_bytes_max`].
    pub fn new(sizes: Sizes) -> Self {
        let sizes = Sizes {
            edges: sizes.edges.clamp(1, u32::MAX as usize / 2),
            // Every edge and `other` must fit into one bucket.
            cells: sizes.cells.max(sizes.edges + 1),
            bucket_ns: sizes.bucket_ns.max(1),
            buckets: sizes.buckets.max(1),
        };
        let other = Edge {
            key: EdgeKey::other(),
            bucket: NEVER,
            cell: 0,
        };
        Self {
            sizes,
            index: HashTable::new(),
            recall: Recall::default(),
            edges: vec![Some(other)],
            free_edges: Vec::new(),
            cells: Vec::new(),
            free_cells: Vec::new(),
            live: VecDeque::new(),
            bucket: 0,
            given_up_bucket: 0,
            first_ns: u64::MAX,
            overflow: Overflow::default(),
        }
    }

    /// Counts a finished request. `now_ns` is the monotonic clock's; a step back counts as no step.
    pub fn add(&mut self, record: &Record, now_ns: u64) {
        self.advance(now_ns);
        self.first_ns = self.first_ns.min(now_ns);
        let edge = self.edge_of(record);
        let cell = self.cell_of(edge);
        self.cells[cell as usize].add(record);
    }

    /// Edges with requests in the last `span_ns`, merged over its buckets, the busiest (by summed
    /// duration) first. Whole buckets are taken: see [`EdgeTable::covered_ns`] for the true span.
    pub fn window(&self, now_ns: u64, span_ns: u64) -> Vec<EdgeView> {
        let first = self.first_bucket(now_ns, span_ns);
        let mut place = vec![None; self.edges.len()];
        let mut views: Vec<EdgeView> = Vec::new();
        for live in self.live.iter().filter(|live| live.bucket >= first) {
            let Some(edge) = &self.edges[live.edge as usize] else {
                continue;
            };
            let at = *place[live.edge as usize].get_or_insert_with(|| {
                let since_ns = live.bucket * self.sizes.bucket_ns;
                views.push(EdgeView::new(edge.key.clone(), since_ns));
                views.len() - 1
            });
            views[at].merge(&self.cells[live.cell as usize]);
        }
        views.sort_by(|a, b| {
            let by_time = b.sums().duration_ns.cmp(&a.sums().duration_ns);
            by_time.then_with(|| a.key.cmp(&b.key))
        });
        views
    }

    /// The time that [`EdgeTable::window`] covers: `span_ns` and the begun bucket before it, but
    /// not the time before the first request, nor what was given up. For rates.
    pub fn covered_ns(&self, now_ns: u64, span_ns: u64) -> u64 {
        let begin_ns = self.first_bucket(now_ns, span_ns) * self.sizes.bucket_ns;
        now_ns
            .saturating_sub(begin_ns.max(self.first_ns))
            .max(1_000_000_000)
    }

    /// Oldest bucket of a window.
    fn first_bucket(&self, now_ns: u64, span_ns: u64) -> u64 {
        let newest = self.bucket.max(now_ns / self.sizes.bucket_ns);
        let oldest = (newest + 1).saturating_sub(self.sizes.buckets);
        let wanted = now_ns.saturating_sub(span_ns) / self.sizes.bucket_ns;
        wanted.max(oldest).max(self.given_up_bucket)
    }

    /// Edges told apart now, `other` left out.
    pub fn edges(&self) -> usize {
        self.index.len()
    }

    /// What the bounds cost so far.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Bytes held now.
    pub fn memory_bytes(&self) -> usize {
        let cells: usize = self.cells.iter().map(Cell::memory_bytes).sum();
        let spare_cells = (self.cells.capacity() - self.cells.len()) * size_of::<Cell>();
        let names: usize = self
            .edges
            .iter()
            .flatten()
            .map(|edge| edge.key.heap_bytes())
            .sum();
        size_of::<Self>()
            + cells
            + spare_cells
            + names
            + self.edges.capacity() * size_of::<Option<Edge>>()
            + self.index.allocation_size()
            + Recall::BYTES
            + self.live.capacity() * size_of::<Live>()
            + (self.free_cells.capacity() + self.free_edges.capacity()) * size_of::<u32>()
    }

    /// Bytes it can hold at most.
    pub fn memory_bytes_max(&self) -> usize {
        let per_edge = size_of::<Option<Edge>>() + 3 * super::edge::NAME_BYTES_MAX + 32;
        let per_cell = Cell::BYTES_MAX + size_of::<Live>() + size_of::<u32>();
        // Growing by doubling leaves at most as much again, in all but the cells' own heap.
        let spare =
            self.sizes.cells * (size_of::<Live>() + size_of::<u32>()) + self.sizes.edges * 64;
        let edges = (self.sizes.edges + 1) * per_edge;
        size_of::<Self>() + Recall::BYTES + edges + self.sizes.cells * per_cell + spare
    }

    /// Lets time pass: frees the cells that left the window and the edges without any.
    fn advance(&mut self, now_ns: u64) {
        let bucket = now_ns / self.sizes.bucket_ns;
        if bucket <= self.bucket {
            return;
        }
        self.bucket = bucket;
        let first = (bucket + 1).saturating_sub(self.sizes.buckets);
        while let Some(oldest) = self.live.front().filter(|live| live.bucket < first) {
            self.free_cells.push(oldest.cell);
            self.live.pop_front();
        }
        for number in 1..self.edges.len() as u32 {
            let edge = self.edges[number as usize].as_ref();
            if edge.is_some_and(|edge| edge.bucket < first) {
                self.drop_edge(number);
            }
        }
    }

    fn drop_edge(&mut self, number: u32) {
        let Some(edge) = self.edges[number as usize].take() else {
            return;
        };
        if let Ok(entry) = self
            .index
            .find_entry(edge.key.to_ref().hash(), |n| *n == number)
        {
            entry.remove();
        }
        self.free_edges.push(number);
        self.recall.clear();
    }

    fn edge_of(&mut self, record: &Record) -> u32 {
        if let Some(number) = self.recall.find(record) {
            return number;
        }
        let number = self.search(record);
        if number != OTHER {
            self.recall.put(record, number);
        }
        number
    }

    fn search(&mut self, record: &Record) -> u32 {
        let key = EdgeRef::of(record);
        let hash = key.hash();
        let edges = &self.edges;
        let is_same = |number: &u32| {
            edges[*number as usize]
                .as_ref()
                .is_some_and(|edge| key.is(&edge.key))
        };
        if let Some(number) = self.index.find(hash, is_same) {
            return *number;
        }
        if self.index.len() >= self.sizes.edges {
            self.overflow.requests_in_other += 1;
            return OTHER;
        }
        self.new_edge(key.to_key(), hash)
    }

    fn new_edge(&mut self, key: EdgeKey, hash: u64) -> u32 {
        let edge = Some(Edge {
            key,
            bucket: NEVER,
            cell: 0,
        });
        let number = match self.free_edges.pop() {
            Some(number) => {
                self.edges[number as usize] = edge;
                number
            }
            None => {
                self.edges.push(edge);
                self.edges.len() as u32 - 1
            }
        };
        let edges = &self.edges;
        let rehash = |number: &u32| {
            edges[*number as usize]
                .as_ref()
                .map_or(0, |edge| edge.key.to_ref().hash())
        };
        self.index.insert_unique(hash, number, rehash);
        number
    }

    /// The cell of an edge in the newest bucket.
    fn cell_of(&mut self, number: u32) -> u32 {
        let bucket = self.bucket;
        if let Some(edge) = self.edges[number as usize]
            .as_ref()
            .filter(|e| e.bucket == bucket)
        {
            return edge.cell;
        }
        let cell = self.new_cell();
        if let Some(edge) = &mut self.edges[number as usize] {
            (edge.bucket, edge.cell) = (bucket, cell);
        }
        self.live.push_back(Live {
            bucket,
            edge: number,
            cell,
        });
        cell
    }

    fn new_cell(&mut self) -> u32 {
        let free = self.free_cells.pop().or_else(|| {
            let full = self.cells.len() >= self.sizes.cells;
            let oldest = if full { self.live.pop_front() } else { None };
            self.overflow.cells_given_up += u64::from(oldest.is_some());
            if let Some(oldest) = oldest {
                self.given_up_bucket = self.given_up_bucket.max(oldest.bucket + 1);
            }
            oldest.map(|live| live.cell)
        });
        if let Some(cell) = free {
            self.cells[cell as usize].clear();
            return cell;
        }
        if self.cells.len() == self.cells.capacity() {
            // Small steps: doubling would hold up to twice the bound.
            self.cells
                .reserve_exact(CELLS_STEP.min(self.sizes.cells - self.cells.len()).max(1));
        }
        self.cells.push(Cell::default());
        self.cells.len() as u32 - 1
    }
}

/// Cells allocated at once.
const CELLS_STEP: usize = 64;

#[cfg(test)]
#[path = "edges/tests.rs"]
mod tests;
