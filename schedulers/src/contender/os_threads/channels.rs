//! The channels that threads can have: std's, or crossbeam's. Both have a rendezvous.

use std::{sync::mpsc, time::Duration};

use crate::{contender::locked, model::Disconnected};

/// A library of channels; its verbs are those of [`Blocking`](crate::model::Blocking).
pub trait Channels: 'static {
    /// See [`Limits`](crate::model::Limits).
    const MANY_RECEIVERS: bool;
    /// See [`Limits`](crate::model::Limits).
    const SELECT: bool;

    /// What they are, unless they are std's.
    fn version() -> Option<String>;

    /// The sending half.
    type Sender<T: Send + 'static>: Clone + Send + 'static;
    /// The receiving half.
    type Receiver<T: Send + 'static>: Send + 'static;

    /// A channel.
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Sends.
    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> Result<(), Disconnected>;
    /// Receives.
    fn recv<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Result<T, Disconnected>;
    /// Receives, but waits for no longer than `timeout`.
    fn recv_timeout<T: Send + 'static>(
        receiver: &Self::Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected>;
    /// Another receiver of the same channel.
    fn another_receiver<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<Self::Receiver<T>>;
    /// Receives from the first that has a value.
    fn select<T: Send + 'static>(receivers: &[Self::Receiver<T>]) -> (usize, Result<T, Disconnected>);
}

/// `std::sync::mpsc`: one receiver, no select.
pub struct Std;

impl Channels for Std {
    const MANY_RECEIVERS: bool = false;
    const SELECT: bool = false;

    fn version() -> Option<String> {
        None
    }

    type Sender<T: Send + 'static> = mpsc::SyncSender<T>;
    type Receiver<T: Send + 'static> = mpsc::Receiver<T>;

    fn channel<T: Send + 'static>(capacity: usize) -> (mpsc::SyncSender<T>, mpsc::Receiver<T>) {
        mpsc::sync_channel(capacity)
    }

    fn send<T: Send + 'static>(sender: &mpsc::SyncSender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).map_err(|_| Disconnected)
    }

    fn recv<T: Send + 'static>(receiver: &mpsc::Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().map_err(|_| Disconnected)
    }

    fn recv_timeout<T: Send + 'static>(
        receiver: &mpsc::Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected> {
        match receiver.recv_timeout(timeout) {
            Ok(value) => Ok(Some(value)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }

    fn another_receiver<T: Send + 'static>(_: &mpsc::Receiver<T>) -> Option<mpsc::Receiver<T>> {
        None
    }

    fn select<T: Send + 'static>(_: &[mpsc::Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        unreachable!("std has no select, and the limits say so")
    }
}

/// `crossbeam-channel`.
pub struct Crossbeam;

impl Channels for Crossbeam {
    const MANY_RECEIVERS: bool = true;
    const SELECT: bool = true;

    fn version() -> Option<String> {
        Some(format!("crossbeam-channel {}", locked::version("crossbeam-channel")))
    }

    type Sender<T: Send + 'static> = crossbeam_channel::Sender<T>;
    type Receiver<T: Send + 'static> = crossbeam_channel::Receiver<T>;

    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        crossbeam_channel::bounded(capacity)
    }

    fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) -> Result<(), Disconnected> {
        sender.send(value).map_err(|_| Disconnected)
    }

    fn recv<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Result<T, Disconnected> {
        receiver.recv().map_err(|_| Disconnected)
    }

    fn recv_timeout<T: Send + 'static>(
        receiver: &Self::Receiver<T>,
        timeout: Duration,
    ) -> Result<Option<T>, Disconnected> {
        match receiver.recv_timeout(timeout) {
            Ok(value) => Ok(Some(value)),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => Ok(None),
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => Err(Disconnected),
        }
    }

    fn another_receiver<T: Send + 'static>(receiver: &Self::Receiver<T>) -> Option<Self::Receiver<T>> {
        Some(receiver.clone())
    }

    /// Their `Select` and not their macro, which must know the number of channels when it is compiled. Both begin at a random one.
    fn select<T: Send + 'static>(receivers: &[Self::Receiver<T>]) -> (usize, Result<T, Disconnected>) {
        let mut select = crossbeam_channel::Select::new();
        for receiver in receivers {
            select.recv(receiver);
        }
        let chosen = select.select();
        let n = chosen.index();
        (n, chosen.recv(&receivers[n]).map_err(|_| Disconnected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossbeams_select_takes_each_value_once_and_its_receivers_share_a_channel() {
        for count in [2, 4, 8] {
            let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| Crossbeam::channel(1)).unzip();
            for (n, sender) in senders.iter().enumerate() {
                Crossbeam::send(sender, n).unwrap();
            }
            let mut got: Vec<_> = (0..count).map(|_| Crossbeam::select(&receivers)).collect();
            got.sort_unstable_by_key(|&(n, _)| n);
            assert_eq!(got, (0..count).map(|n| (n, Ok(n))).collect::<Vec<_>>());
        }
        let (sender, receiver) = Crossbeam::channel(2);
        let another = Crossbeam::another_receiver(&receiver).unwrap();
        Crossbeam::send(&sender, 7).unwrap();
        Crossbeam::send(&sender, 8).unwrap();
        assert_eq!((Crossbeam::recv(&receiver), Crossbeam::recv(&another)), (Ok(7), Ok(8)));
    }
}
