//! What a parked task takes is seen in a process of its own, where nobody else's memory comes and goes.

use std::time::Duration;

use workloads::open;

#[test]
fn a_parked_future_takes_some_memory_and_less_than_a_page() {
    let params = [("tasks".to_owned(), 20_000)].into();
    let mut cell = open("parked_tasks", "tokio-mt", &params).unwrap();
    let first = cell.slice(Duration::ZERO);
    let bytes = first.bytes.expect("Linux says");
    assert!((64 * first.ops..4_096 * first.ops).contains(&bytes), "{bytes}");
    assert_eq!(cell.slice(Duration::ZERO).bytes, Some(bytes), "later items have nothing to add");
}
