//! What the halves of a channel share: its lock, its state, and the operations that wait.
//!
//! A wait that can end in one way only (no deadline, no alarm) keeps the channel locked until the G is off its stack: nobody finds it
//! before, and whoever wakes it need not ask whether it sleeps. All other waits go through a [`Claim`]; see there why that loses nothing.

use std::{cell::UnsafeCell, ptr::NonNull, time::Duration};

use super::{
    alarm::Alarm,
    error::{RecvTimeoutError, SendTimeoutError},
    state::{Grant, Received, Sent, Slot, State, Wait, Waiting},
};
use crate::gmp::{
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    claim::{Claim, TIMED_OUT},
    enter::{Local, enter},
    futex::{NEVER, NOW, Parker, has_come},
    raw_lock::RawLock,
    wait_list::{Node, WaitList},
    wait_reason::WaitReason,
    waiter::Caller,
};

/// Behind an `Arc` in each half.
pub(in crate::gmp) struct Shared<T> {
    pub(in crate::gmp) lock: RawLock,
    /// Guarded by `lock`.
    state: UnsafeCell<State<T>>,
    /// A hint for selects, who spare themselves the lock by it. `false`: when somebody last looked there was nothing to receive, and nothing has come since. Written
    /// under the lock.
    receivable: AtomicBool,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
}

// SAFETY: `state` is touched under the lock only, and values move through it.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<T> {}

/// Names one of a state's lists, and what it means to wait there.
type Side<T> = (fn(&mut State<T>) -> &mut WaitList<Wait<T>>, WaitReason);

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, alarm: Option<Alarm<T>>) -> Self {
        Shared {
            lock: RawLock::new(),
            state: UnsafeCell::new(State::new(capacity, alarm)),
            receivable: AtomicBool::new(true),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    /// The state.
    ///
    /// # Safety
    /// The caller holds the lock, and no other reference from here lives.
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it exclusive")]
    pub(in crate::gmp) unsafe fn state(&self) -> &mut State<T> {
        // SAFETY: the caller's.
        unsafe { &mut *self.state.get() }
    }

    /// See the field.
    pub(in crate::gmp) fn receivable(&self) -> &AtomicBool {
        &self.receivable
    }

    /// Under the lock: whether there may be something to receive.
    #[inline]
    pub(in crate::gmp) fn set_receivable(&self, receivable: bool) {
        self.receivable.store(receivable, Relaxed);
    }

    /// # Safety
    /// The caller holds the lock.
    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller's, who holds a reference.
        unsafe { RawLock::unlock(&self.lock) }
    }

    /// Runs `body` under the lock.
    #[inline]
    pub(in crate::gmp) fn locked<R>(&self, body: impl FnOnce(&mut State<T>) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is ours; `body` is our own code and does not panic.
        let result = body(unsafe { self.state() });
        // SAFETY: locked above.
        unsafe { self.unlock() };
        result
    }

    /// Sends, waiting until the deadline at most ([`NOW`]: not at all, [`NEVER`]: for ever).
    #[inline(always)]
    pub(super) fn send(&self, value: T, until: u64) -> Result<(), SendTimeoutError<T>> {
        match enter() {
            Some(local) => self.send_as(Caller::G(local), value, until),
            None => self.send_from_thread(value, until),
        }
    }

    #[cold]
    #[inline(never)]
    fn send_from_thread(&self, value: T, until: u64) -> Result<(), SendTimeoutError<T>> {
        self.send_as(Caller::Thread(&Parker::new()), value, until)
    }

    /// Compiled for a G and for a thread, so that a G does not ask at each step which of the two it is.
    #[inline(always)]
    fn send_as(&self, caller: Caller<'_>, value: T, until: u64) -> Result<(), SendTimeoutError<T>> {
        let mut slot = Slot::Value(value);
        self.lock.lock();
        // SAFETY: the lock is ours until one of the arms below gives it away.
        let error = match unsafe { self.state().send(&mut slot) } {
            Sent::Done => {
                self.set_receivable(true);
                // SAFETY: locked above.
                unsafe { self.unlock() };
                caller.exit();
                return Ok(());
            }
            Sent::Wake(node) => {
                // SAFETY: locked above; the node is claimed, by us.
                unsafe {
                    self.unlock();
                    wake(node, caller.local());
                }
                caller.exit();
                return Ok(());
            }
            Sent::Closed => SendTimeoutError::Disconnected,
            Sent::WouldBlock if until == NOW => SendTimeoutError::Timeout,
            Sent::WouldBlock => {
                let Slot::Value(value) = slot else { unreachable!("a value that was not sent is still here") };
                // SAFETY: locked above.
                return unsafe { self.wait_to_send(caller, value, until) };
            }
        };
        // SAFETY: locked above.
        unsafe { self.unlock() };
        caller.exit();
        let Slot::Value(value) = slot else { unreachable!("a value that was not sent is still here") };
        Err(error(value))
    }

    /// Apart from the rest of a send: who does not wait need not save the registers of one who does.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline(never)]
    unsafe fn wait_to_send(&self, caller: Caller<'_>, value: T, until: u64) -> Result<(), SendTimeoutError<T>> {
        let slot = Slot::Value(value);
        // SAFETY: the caller's.
        match unsafe { self.wait(caller, slot, until, (|state| &mut state.senders, WaitReason::ChanSend)) } {
            (Slot::Value(value), false) => Err(SendTimeoutError::Disconnected(value)),
            (Slot::Value(value), true) => self.send(value, NOW),
            _ => Ok(()),
        }
    }

    /// Receives, waiting until the deadline at most, as in [`send`](Shared::send).
    #[inline(always)]
    pub(super) fn recv(&self, mut until: u64) -> Result<T, RecvTimeoutError> {
        loop {
            let Some(local) = enter() else { return self.recv_from_thread(until) };
            if let Some(result) = self.recv_as(Caller::G(local), until) {
                return result;
            }
            until = left_of(until);
        }
    }

    #[cold]
    #[inline(never)]
    fn recv_from_thread(&self, mut until: u64) -> Result<T, RecvTimeoutError> {
        loop {
            if let Some(result) = self.recv_as(Caller::Thread(&Parker::new()), until) {
                return result;
            }
            until = left_of(until);
        }
    }

    /// Twice, as [`send_as`](Shared::send_as). `None`: woken with nothing; look again.
    #[inline(always)]
    fn recv_as(&self, caller: Caller<'_>, until: u64) -> Option<Result<T, RecvTimeoutError>> {
        self.lock.lock();
        // SAFETY: the lock is ours until one of the arms below gives it away.
        let result = match unsafe { self.state().recv() } {
            Received::Value(value) => Ok(value),
            Received::Wake(value, node) => {
                // SAFETY: locked above; the node is claimed, by us.
                unsafe {
                    self.unlock();
                    wake(node, caller.local());
                }
                caller.exit();
                return Some(Ok(value));
            }
            Received::Closed => Err(RecvTimeoutError::Disconnected),
            Received::WouldBlock if until == NOW => Err(RecvTimeoutError::Timeout),
            // SAFETY: locked above.
            Received::WouldBlock => return unsafe { self.wait_to_recv(caller, until) }.map(Ok),
            // SAFETY: locked above; the node is claimed, by us.
            Received::Offered(sender) => return unsafe { self.accept(caller, sender) }.map(Ok),
        };
        // SAFETY: locked above.
        unsafe { self.unlock() };
        caller.exit();
        Some(result)
    }

    /// Nothing: the channel was closed, its alarm has gone off or was changed, or a promise was broken; or time is up.
    ///
    /// Inlined with all of `recv` into the code that receives: if it were a function, two Gs that wake each other would return from it to two places,
    /// each time to the one that the processor does not expect (a round trip of a ping-pong: 70 ns instead of 49, in a build without LTO).
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline(always)]
    unsafe fn wait_to_recv(&self, caller: Caller<'_>, until: u64) -> Option<T> {
        // SAFETY: the caller's.
        let (slot, _) = unsafe {
            let wakes_at = until.min(self.state().due_ns());
            self.wait(caller, Slot::Empty, wakes_at, (|state| &mut state.receivers, WaitReason::ChanReceive))
        };
        slot.value()
    }

    /// Unlocks, and waits on a list; what is in the slot then, and whether the deadline has passed.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline]
    unsafe fn wait(&self, caller: Caller<'_>, slot: Slot<T>, until: u64, side: Side<T>) -> (Slot<T>, bool) {
        if until != NEVER {
            // SAFETY: the caller's.
            return unsafe { self.wait_until(caller, slot, until, side) };
        }
        let (list, reason) = side;
        let node = UnsafeCell::new(Node::new(caller.waiter(), Wait::plain(slot)));
        self.set_receivable(true); // Who waits may be a sender.
        // SAFETY: under the lock, which is released when we sleep; the node stays here until we are woken, which is after it was taken off.
        unsafe {
            list(self.state()).push_back(node.get());
            caller.wait(&self.lock, reason).exit();
            ((*node.get()).payload.slot.take(), false)
        }
    }

    /// # Safety
    /// As for [`wait`](Shared::wait).
    #[cold]
    unsafe fn wait_until(&self, caller: Caller<'_>, slot: Slot<T>, until: u64, side: Side<T>) -> (Slot<T>, bool) {
        let (list, reason) = side;
        let (claim, sleeper) = (Claim::new(), caller.sleeper());
        let node = UnsafeCell::new(Node::new(caller.waiter_on(&sleeper), Wait::claimed(slot, &claim, 0)));
        self.set_receivable(true);
        // SAFETY: under the lock; the node stays here, and is off the list when we go on.
        unsafe {
            list(self.state()).push_back(node.get());
            self.unlock();
            let caller = caller.sleep_until(&sleeper, &claim, until, reason);
            // Even if it is off already: somebody who lost the claim may still be looking at it, under the lock.
            self.locked(|state| list(state).remove(node.get()));
            caller.exit();
            ((*node.get()).payload.slot.take(), claim.winner() == TIMED_OUT)
        }
    }

    /// A select would send, and has been promised to us: tells it, unlocks, and waits until it has evaluated its message. Nothing if it never will.
    ///
    /// # Safety
    /// The caller holds the lock, and has claimed the node.
    #[cold]
    unsafe fn accept(&self, caller: Caller<'_>, mut sender: NonNull<Waiting<T>>) -> Option<T> {
        let sleeper = caller.sleeper();
        let node = UnsafeCell::new(Node::new(caller.waiter_on(&sleeper), Wait::plain(Slot::Empty)));
        // SAFETY: the sender is ours until we wake it; our node stays here until it wakes us.
        unsafe {
            sender.as_mut().payload.slot = Slot::Granted(Grant::Receiver(NonNull::new_unchecked(node.get())));
            self.unlock();
            wake(sender, caller.local());
            caller.sleep(&sleeper, WaitReason::ChanReceive).exit();
            (*node.get()).payload.slot.take().value()
        }
    }

    /// `false` if it was closed before. Everybody who waits is woken.
    pub(super) fn close(&self) -> bool {
        self.waking_all(|state| {
            let newly = !std::mem::replace(&mut state.closed, true);
            let senders = state.senders.claim_all();
            (newly, state.receivers.claim_all(), senders)
        })
    }

    /// Makes the next value due `delay` from now, or never; whether one was to come.
    pub(super) fn set_alarm(&self, delay: Option<Duration>) -> bool {
        self.waking_all(|state| {
            let (pending, receivers) = state.set_alarm(delay);
            (pending, receivers, WaitList::new())
        })
    }

    /// Runs `body` under the lock, and wakes the receivers and senders that it has claimed.
    fn waking_all<R>(&self, body: impl FnOnce(&mut State<T>) -> (R, WaitList<Wait<T>>, WaitList<Wait<T>>)) -> R {
        let parker = Parker::new();
        let caller = Caller::enter(&parker);
        let (result, mut waiters, senders) = self.locked(|state| {
            self.set_receivable(true);
            body(state)
        });
        waiters.append(senders);
        // SAFETY: off the lists, and claimed by us.
        unsafe { waiters.wake(caller.local()) };
        caller.exit();
        result
    }
}

/// What is left of the time until a deadline, for another attempt: all, or nothing.
fn left_of(until: u64) -> u64 {
    if has_come(until) { NOW } else { until }
}

/// Ends a wait.
///
/// # Safety
/// The caller has claimed the node, and left in its slot what is to be there.
#[inline]
pub(super) unsafe fn wake<T>(node: NonNull<Waiting<T>>, local: Option<&Local>) {
    // SAFETY: the waiter sleeps until the one that claimed it, the caller, wakes it.
    unsafe {
        let waiter = (*node.as_ptr()).waiter;
        waiter.wake(local);
    }
}

/// Whole channels between threads of loom's, which wait with the real parker; the lock is a model's. Whoever is left asleep fails the model, and so does a value
/// that is used without having come through the channel.
#[cfg(all(test, gmp_loom))]
mod models {
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use crate::gmp::{Receiver, RecvError, Sender, TryRecvError, channel};

    /// A value that loom watches: its last user must have known of all that was done to it before.
    struct Parcel(UnsafeCell<u32>);

    impl Parcel {
        fn new(number: u32) -> Self {
            let parcel = Parcel(UnsafeCell::new(0));
            // SAFETY: ours; loom checks it.
            parcel.0.with_mut(|cell| unsafe { *cell = number });
            parcel
        }

        fn open(self) -> u32 {
            // SAFETY: as above.
            self.0.with_mut(|cell| unsafe { *cell })
        }
    }

    fn check(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(body);
    }

    /// A thread that sends `numbers` and hangs up; whether all were sent.
    fn sends(sender: Sender<Parcel>, numbers: &'static [u32]) -> thread::JoinHandle<bool> {
        thread::spawn(move || numbers.iter().all(|&number| sender.send(Parcel::new(number)).is_ok()))
    }

    /// A thread that receives until nobody sends.
    fn receives(receiver: Receiver<Parcel>) -> thread::JoinHandle<Vec<u32>> {
        thread::spawn(move || receiver.iter().map(Parcel::open).collect())
    }

    #[test]
    fn values_come_in_their_order_and_then_the_end() {
        for capacity in 0..3 {
            check(3, move || {
                let (sender, receiver) = channel(capacity);
                let sender = sends(sender, &[1, 2]);
                assert!(receiver.iter().map(Parcel::open).eq([1, 2]));
                assert!(sender.join().unwrap());
            });
        }
    }

    /// What the receiver did before it took the value is seen by the sender after a rendezvous.
    #[test]
    fn a_rendezvous_is_known_to_both() {
        check(4, || {
            let (sender, receiver) = channel(0);
            let before = Arc::new(UnsafeCell::new(0));
            let its = before.clone();
            let other = thread::spawn(move || {
                // SAFETY: loom checks that nobody reads it yet.
                its.with_mut(|cell| unsafe { *cell = 1 });
                receiver.recv().map(Parcel::open)
            });
            sender.send(Parcel::new(5)).map_err(|_| "nobody received").unwrap();
            // SAFETY: as above.
            assert_eq!(before.with(|cell| unsafe { *cell }), 1);
            assert_eq!(other.join().unwrap(), Ok(5));
        });
    }

    #[test]
    fn of_two_senders_each_value_comes_once() {
        for capacity in 0..2 {
            check(2, move || {
                let (sender, receiver) = channel(capacity);
                let senders = [sends(sender.clone(), &[1]), sends(sender, &[2])];
                let mut got: Vec<_> = receiver.iter().map(Parcel::open).collect();
                got.sort_unstable();
                assert_eq!(got, [1, 2]);
                senders.into_iter().for_each(|sender| assert!(sender.join().unwrap()));
            });
        }
    }

    #[test]
    fn of_two_receivers_one_gets_the_value_and_both_the_end() {
        for capacity in 0..2 {
            check(2, move || {
                let (sender, receiver) = channel(capacity);
                let receivers = [receives(receiver.clone()), receives(receiver)];
                assert!(sender.send(Parcel::new(1)).is_ok());
                drop(sender);
                let got = receivers.map(|receiver| receiver.join().unwrap());
                assert_eq!(got.concat(), [1]);
            });
        }
    }

    #[test]
    fn a_sender_goes_on_as_soon_as_there_is_room() {
        check(3, || {
            let (sender, receiver) = channel(1);
            let sender = sends(sender, &[1, 2]);
            assert_eq!(receiver.recv().map(Parcel::open), Ok(1));
            assert!(sender.join().unwrap());
            assert!(receiver.iter().map(Parcel::open).eq([2]));
        });
    }

    /// A value was sent and received, or neither; both sides return.
    #[test]
    fn a_close_in_the_middle_loses_nothing_and_wakes_both() {
        for capacity in 0..2 {
            check(2, move || {
                let (sender, receiver) = channel(capacity);
                let (closer, sender) = (sender.clone(), sends(sender, &[1]));
                let other = thread::spawn(move || receiver.recv().map(Parcel::open));
                closer.close();
                let (sent, got) = (sender.join().unwrap(), other.join().unwrap());
                assert_eq!(got, if sent { Ok(1) } else { Err(RecvError) });
            });
        }
    }

    /// The last receiver goes away: a sender that waits is told, and what is in the buffer is dropped.
    #[test]
    fn a_sender_is_told_that_nobody_receives() {
        for capacity in 0..2 {
            check(3, move || {
                let (sender, receiver) = channel(capacity);
                let sender = sends(sender, &[1, 2]);
                let first = receiver.try_recv().map(Parcel::open);
                assert!(matches!(first, Ok(1) | Err(TryRecvError::Empty)));
                drop(receiver);
                let all_sent = sender.join().unwrap();
                assert!(capacity > 0 || !all_sent);
            });
        }
    }
}
