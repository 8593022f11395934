//! The Mandelbrot set, in pieces of one row. A row through the middle takes a hundred times as long as one at the edge, so whoever is done early
//! takes rows from the others.

use std::io;

use schedulers::gmp::{self, Runtime, slices};

/// Points that are still there after so many steps count as inside.
const STEPS: u32 = 1000;
/// The whole set lies between -2 and 0.5 (x), and between -1.25 and 1.25 (y).
const SIDE: f64 = 2.5;

/// The points with the same y.
pub struct Row {
    y: f64,
    /// How many steps each point stays.
    pub steps: Vec<u32>,
}

/// How many steps it takes the point to leave the circle of radius 2.
fn escape(cx: f64, cy: f64) -> u32 {
    let (mut x, mut y) = (0.0, 0.0);
    for step in 0..STEPS {
        if x * x + y * y > 4.0 {
            return step;
        }
        (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
    }
    STEPS
}

/// A picture of `size` x `size` points, and the area of the set in it.
pub fn picture(size: usize) -> io::Result<(Vec<Row>, f64)> {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::new()? };
    let at = |n: usize| (n as f64 + 0.5) / size as f64 * SIDE;
    let mut rows: Vec<_> = (0..size).map(|n| Row { y: at(n) - SIDE / 2.0, steps: vec![0; size] }).collect();
    let inside = runtime.run(|| {
        slices::for_each_mut(&mut rows, 1, |row| {
            row.steps.iter_mut().enumerate().for_each(|(n, steps)| *steps = escape(at(n) - 2.0, row.y));
        });
        let inside = |row: &Row| row.steps.iter().filter(|&&steps| steps == STEPS).count();
        slices::map_reduce(&rows, 16, inside, |above, below| above + below)
    });
    Ok((rows, inside.unwrap_or(0) as f64 * (SIDE / size as f64).powi(2)))
}

/// Shows it on the terminal.
pub fn main() -> io::Result<()> {
    let (rows, area) = picture(160)?;
    let shade = |steps: &u32| char::from(b" .:-=+*#%@"[steps.ilog2() as usize]);
    for row in rows.iter().step_by(4) {
        println!("{}", row.steps.iter().step_by(2).map(shade).collect::<String>());
    }
    println!("its area is about {area:.3}; {} CPUs have looked for it", gmp::num_cpus());
    Ok(())
}
