//! What a G waits for, in Go's words: reports and snapshots name it.

use std::fmt;

/// Why a goroutine waits, in Go's words as far as Go has them.
///
/// ```
/// use schedulers::gmp::{GoroutineState, WaitReason};
///
/// assert_eq!(WaitReason::ChanReceive.as_str(), "chan receive");
/// assert_eq!(GoroutineState::Waiting(WaitReason::Io).to_string(), "IO wait");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum WaitReason {
    /// [`Receiver::recv`](super::Receiver::recv) on an empty channel.
    ChanReceive = 1,
    /// [`Sender::send`](super::Sender::send) on a full channel.
    ChanSend,
    /// Several channel operations, none of which can go on.
    Select,
    /// [`time::sleep`](super::time::sleep).
    Sleep,
    /// Data, or room for data, on a socket.
    Io,
    /// [`JoinHandle::join`](super::JoinHandle::join), or a [`join`](super::join()) whose second half runs elsewhere.
    Join,
    /// The end of a [`scope`](super::scope)'s goroutines.
    Scope,
    /// [`Mutex::lock`](super::sync::Mutex::lock).
    Mutex,
    /// [`RwLock::read`](super::sync::RwLock::read).
    RwLockRead,
    /// [`RwLock::write`](super::sync::RwLock::write).
    RwLockWrite,
    /// [`Condvar::wait`](super::sync::Condvar::wait).
    Condvar,
    /// [`WaitGroup::wait`](super::sync::WaitGroup::wait).
    WaitGroup,
    /// [`Once::call_once`](super::sync::Once::call_once), or a [`OnceLock`](super::sync::OnceLock)'s value, that another is busy with.
    Once,
    /// [`Semaphore::acquire`](super::sync::Semaphore::acquire).
    Semaphore,
    /// [`Barrier::wait`](super::sync::Barrier::wait).
    Barrier,
}

impl WaitReason {
    const ALL: [WaitReason; 15] = {
        use WaitReason::*;
        [
            ChanReceive,
            ChanSend,
            Select,
            Sleep,
            Io,
            Join,
            Scope,
            Mutex,
            RwLockRead,
            RwLockWrite,
            Condvar,
            WaitGroup,
            Once,
            Semaphore,
            Barrier,
        ]
    };

    /// The reason whose number is `number`; none for 0.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// As reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanSend => "chan send",
            WaitReason::Select => "select",
            WaitReason::Sleep => "sleep",
            WaitReason::Io => "IO wait",
            WaitReason::Join => "join",
            WaitReason::Scope => "scope",
            WaitReason::Mutex => "mutex",
            WaitReason::RwLockRead => "rwlock read",
            WaitReason::RwLockWrite => "rwlock write",
            WaitReason::Condvar => "condvar",
            WaitReason::WaitGroup => "wait group",
            WaitReason::Once => "once",
            WaitReason::Semaphore => "semaphore",
            WaitReason::Barrier => "barrier",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_reasons() {
        assert_eq!(WaitReason::from_number(0), None);
        for reason in WaitReason::ALL {
            assert_eq!(WaitReason::from_number(reason as u8), Some(reason));
        }
        assert_eq!(WaitReason::from_number(WaitReason::ALL.len() as u8 + 1), None);
    }
}
