//! `matmul`: the product of two square matrices of whole numbers, by cutting it in two until a piece is small.
//!
//! What it shows, what to expect and whose it is: see [`Matmul::INFO`](Workload::INFO), which the report prints.
//!
//! A piece of the product is cut along its longer side, a task is started for one half, and the other is called. A piece that is no longer
//! than `grain` on either side is a block, the operation: its rows are computed one by one. All models do this with the same code. The product is
//! an array of relaxed atomics, which are plain loads and stores on every processor that matters, so that tasks which may borrow nothing can
//! write to it; a row is added up in a buffer, where the compiler is free to use vector units, and then stored.
//!
//! An item is one product, and a slice is as many as fit in its time. A pass is timed inside the main task. Between passes the product
//! is cleared, untimed, so that no block of the last one can be taken for one of the next.
//!
//! Elements are 32 bits that wrap around: the element i of both matrices, one after the other in row-major order, is the lower half of [`scatter`]`(i + 1)`.
//! The answer is a digest of the product in row-major order.

use std::{
    cell::OnceCell,
    ops::Range,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    digest::{in_order, scatter},
    fit,
    params::{ParamSpec, Params, WORKERS},
    passes::{Pass, pass_after_pass, timed, timed_async},
    workload::{Body, Info, Metric, NotApplicable, Takes, Workload},
};

/// See the [module](self).
pub struct Matmul {
    n: usize,
    grain: usize,
    /// Computed by [`expected`](Workload::expected) when it is first asked.
    answer: OnceCell<String>,
}

impl Workload for Matmul {
    const INFO: Info = Info {
        name: "matmul",
        title: "Matrix product",
        op: "block",
        model: Model::ForkJoin,
        metric: Metric::TimePerOp,
        shows: "How well a scheduler spreads a few even pieces of pure calculation: blocks of 64 by 64, each some 100 us \
                of multiplying and adding.",
        expect: "On one worker everybody is at the serial floor within a few per cent: sixteen tasks are too few to cost \
                 anything, but for threads at 10 to 50 us each. On two workers, half of it; who is \
                 slow to wake the second one (50 us in 1 ms) shows it here.",
        origin: "Cilk's matmul; runtime-benchmarks.",
        params: &[
            ParamSpec { name: "n", about: "rows and columns of the matrices", min: 1, max: 4_096, default: 256 },
            ParamSpec { name: "grain", about: "rows and columns of a block", min: 1, max: 4_096, default: 64 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("grain", 16)], &[("n", 1_024)]],
        floor: true,
        item_ms: 0,
        round_factor: 1,
        takes: &[
            Takes { of: &[("n", 1_024)], timed_ms: 245, untimed_ms: 3 },
            Takes { of: &[], timed_ms: 12, untimed_ms: 1 },
        ],
    };

    fn new(params: &Params) -> Self {
        let size = |name: &str| usize::try_from(params[name]).expect("the ranges allow 4,096");
        Matmul { n: size("n"), grain: size("grain"), answer: OnceCell::new() }
    }

    /// Computed by the definition of the product, without blocks.
    fn expected(&self, _ops: u64) -> String {
        let compute = || {
            let Factors { n, left, right } = Factors::new(self.n);
            let mut product = vec![0; n * n];
            for (sums, left) in product.chunks_exact_mut(n).zip(left.chunks_exact(n)) {
                for (factor, right) in left.iter().zip(right.chunks_exact(n)) {
                    add_multiple(sums, *factor, right);
                }
            }
            answer(product)
        };
        self.answer.get_or_init(compute).clone()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain, blocks) = (self.n, self.grain, self.blocks());
        fit::tasks(R::LIMITS, blocks)?;
        let mut product = None;
        Ok(Box::new(move |contender, time| {
            let product = product.get_or_insert_with(|| Arc::new(Product::new(n)));
            product_after_product(time, blocks, product, || {
                let product = Arc::clone(product);
                contender.run(move || timed(|| multiply::<R>(&product, Piece::whole(n), grain))).0
            })
        }))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain, blocks) = (self.n, self.grain, self.blocks());
        fit::tasks(R::LIMITS, blocks)?;
        let mut product = None;
        Ok(Box::new(move |contender, time| {
            let product = product.get_or_insert_with(|| Arc::new(Product::new(n)));
            product_after_product(time, blocks, product, || {
                let product = Arc::clone(product);
                contender.run(timed_async(multiply_async::<R>(product, Piece::whole(n), grain))).0
            })
        }))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        let (n, grain, blocks) = (self.n, self.grain, self.blocks());
        let mut product = None;
        Ok(Box::new(move |contender, time| {
            let product: &Product = product.get_or_insert_with(|| Product::new(n));
            product_after_product(time, blocks, product, || {
                contender.run(|| timed(|| multiply_joining::<R>(product, Piece::whole(n), grain))).0
            })
        }))
    }
}

impl Matmul {
    /// How many blocks there are, which is also how many tasks may be alive at once, the main task among them.
    fn blocks(&self) -> usize {
        fn count(piece: Piece, grain: usize) -> usize {
            piece.halves(grain).map_or(1, |halves| halves.map(|half| count(half, grain)).iter().sum())
        }
        count(Piece::whole(self.n), self.grain)
    }
}

fn multiply<R: Blocking>(product: &Arc<Product>, piece: Piece, grain: usize) {
    let Some([forked, called]) = piece.clone().halves(grain) else { return product.fill(piece) };
    let task = {
        let product = Arc::clone(product);
        R::spawn(move || multiply::<R>(&product, forked, grain))
    };
    multiply::<R>(product, called, grain);
    R::join(task);
}

fn multiply_async<R: Async>(
    product: Arc<Product>,
    piece: Piece,
    grain: usize,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Some([forked, called]) = piece.clone().halves(grain) else { return product.fill(piece) };
        let task = R::spawn(multiply_async::<R>(Arc::clone(&product), forked, grain));
        multiply_async::<R>(product, called, grain).await;
        R::join(task).await;
    })
}

fn multiply_joining<R: ForkJoin>(product: &Product, piece: Piece, grain: usize) {
    let Some([forked, called]) = piece.clone().halves(grain) else { return product.fill(piece) };
    R::join(|| multiply_joining::<R>(product, forked, grain), || multiply_joining::<R>(product, called, grain));
}

/// Products until `time` is up, at least one; `multiply` tells how long it took.
fn product_after_product(
    time: Duration,
    blocks: usize,
    product: &Product,
    mut multiply: impl FnMut() -> Duration,
) -> crate::Outcome {
    pass_after_pass(time, || {
        product.clear();
        let wall = multiply();
        Pass { wall, ops: blocks as u64, answer: answer(product.elements.iter().map(|element| element.load(Relaxed))) }
    })
}

fn answer(product: impl IntoIterator<Item = u32>) -> String {
    format!("digest {:016x}", in_order(product))
}

/// A rectangle of the product.
#[derive(Clone)]
struct Piece {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Piece {
    fn whole(n: usize) -> Self {
        Piece { rows: 0..n, columns: 0..n }
    }

    /// `None` if neither side is longer than `grain`.
    fn halves(self, grain: usize) -> Option<[Self; 2]> {
        let Piece { rows, columns } = self;
        if rows.len().max(columns.len()) <= grain {
            return None;
        }
        let cut = |side: &Range<usize>| {
            let middle = side.start.midpoint(side.end);
            [side.start..middle, middle..side.end]
        };
        Some(if rows.len() >= columns.len() {
            cut(&rows).map(|rows| Piece { rows, columns: columns.clone() })
        } else {
            cut(&columns).map(|columns| Piece { rows: rows.clone(), columns })
        })
    }
}

/// What is multiplied, row by row.
struct Factors {
    n: usize,
    left: Vec<u32>,
    right: Vec<u32>,
}

impl Factors {
    fn new(n: usize) -> Self {
        // The lower half of the bits.
        let elements = |range: Range<usize>| range.map(|i| scatter(i as u64 + 1) as u32).collect();
        Factors { n, left: elements(0..n * n), right: elements(n * n..2 * n * n) }
    }
}

/// `sums` += `factor` * `row`.
fn add_multiple(sums: &mut [u32], factor: u32, row: &[u32]) {
    for (sum, element) in sums.iter_mut().zip(row) {
        *sum = sum.wrapping_add(factor.wrapping_mul(*element));
    }
}

/// The product, and what it is made of.
struct Product {
    factors: Factors,
    /// Relaxed throughout: whoever reads an element has joined, directly or not, the task that wrote it.
    elements: Vec<AtomicU32>,
}

impl Product {
    fn new(n: usize) -> Self {
        Product { factors: Factors::new(n), elements: (0..n * n).map(|_| AtomicU32::new(0)).collect() }
    }

    fn clear(&self) {
        self.elements.iter().for_each(|element| element.store(0, Relaxed));
    }

    /// Computes the elements of `piece`.
    fn fill(&self, piece: Piece) {
        let Factors { n, ref left, ref right } = self.factors;
        let mut sums = vec![0; piece.columns.len()];
        for row in piece.rows {
            sums.fill(0);
            for (factor, right) in left[row * n..][..n].iter().zip(right.chunks_exact(n)) {
                add_multiple(&mut sums, *factor, &right[piece.columns.clone()]);
            }
            for (element, sum) in self.elements[row * n..][piece.columns.clone()].iter().zip(&sums) {
                element.store(*sum, Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::resolve;

    fn workload(n: u64, grain: u64) -> Matmul {
        Matmul::new(&resolve(&Matmul::INFO, &[("n".to_owned(), n), ("grain".to_owned(), grain)].into()).unwrap())
    }

    fn blocks(piece: Piece, grain: usize) -> Vec<Piece> {
        match piece.clone().halves(grain) {
            None => vec![piece],
            Some(halves) => halves.into_iter().flat_map(|half| blocks(half, grain)).collect(),
        }
    }

    fn answer_of(product: &Product) -> String {
        answer(product.elements.iter().map(|element| element.load(Relaxed)))
    }

    #[test]
    fn blocks_of_any_size_make_the_product_of_the_definition() {
        for (n, grain) in [(1, 1), (5, 1), (7, 2), (16, 4), (33, 8), (10, 20)] {
            let product = Product::new(n);
            let blocks = blocks(Piece::whole(n), grain);
            assert_eq!(blocks.len(), workload(n as u64, grain as u64).blocks());
            blocks.into_iter().for_each(|block| product.fill(block));
            assert_eq!(answer_of(&product), workload(n as u64, grain as u64).expected(0), "{n}, {grain}");
        }
        assert_eq!(workload(256, 64).blocks(), 16);
    }

    #[test]
    fn a_product_by_hand() {
        let product = Product::new(2);
        product.fill(Piece::whole(2));
        let [a, b, c, d, e, f, g, h] = [1, 2, 3, 4, 5, 6, 7, 8].map(|i| scatter(i) as u32);
        let of = |a: u32, e, b: u32, g| a.wrapping_mul(e).wrapping_add(b.wrapping_mul(g));
        let elements: Vec<_> = product.elements.iter().map(|element| element.load(Relaxed)).collect();
        assert_eq!(elements, [of(a, e, b, g), of(a, f, b, h), of(c, e, d, g), of(c, f, d, h)]);
    }

    #[test]
    fn a_block_that_is_missing_and_an_element_that_is_wrong_are_noticed() {
        let (product, right) = (Product::new(8), workload(8, 4).expected(0));
        let blocks = blocks(Piece::whole(8), 4);
        blocks[1..].iter().for_each(|block| product.fill(block.clone()));
        assert_ne!(answer_of(&product), right);
        product.fill(blocks[0].clone());
        assert_eq!(answer_of(&product), right);
        product.elements[13].fetch_add(1, Relaxed);
        assert_ne!(answer_of(&product), right);
    }
}
