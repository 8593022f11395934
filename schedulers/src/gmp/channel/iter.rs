//! Receiving as iteration.

use super::Receiver;

/// What [`Receiver::iter`] gives: the values, until nobody will send.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel(3);
/// (1..=3).try_for_each(|n| sender.send(n)).unwrap();
/// assert_eq!(receiver.iter().take(2).sum::<u32>(), 3, "the third is still there");
/// # drop(sender);
/// ```
pub struct Iter<'a, T>(pub(super) &'a Receiver<T>);

/// What [`Receiver::try_iter`] gives: the values that are there.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel(3);
/// assert_eq!(receiver.try_iter().next(), None);
/// sender.send(1).unwrap();
/// assert_eq!(receiver.try_iter().next(), Some(1));
/// ```
pub struct TryIter<'a, T>(pub(super) &'a Receiver<T>);

/// What a [`Receiver`] becomes as an iterator: as [`Iter`], and the channel ends with it.
///
/// ```
/// # use schedulers::gmp;
/// let (sender, receiver) = gmp::channel(2);
/// let squares = receiver.into_iter().map(|n: u32| n * n);
/// (1..=2).try_for_each(|n| sender.send(n)).unwrap();
/// drop(sender);
/// assert_eq!(squares.collect::<Vec<_>>(), [1, 4]);
/// ```
pub struct IntoIter<T>(Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}
