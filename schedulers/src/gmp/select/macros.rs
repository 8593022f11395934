//! The macro: crossbeam-channel's syntax.
//!
//! `__select!` works in two passes. `@parse` brings every case into one form; a body ends with a comma, or is a block, or is the last. `@bind` makes a
//! variable for each case, in a nest of blocks; that each of them is called `case` is no conflict, since each comes from an expansion of its own.
//! Inside the nest it selects, and looks for the case that was chosen. No case has a destructor of its own, so what it borrows is free again
//! when the chosen body runs.

/// Waits until one of several operations on channels can be done, and does it.
///
/// If several can be done, each is as likely as the others. An operation on a channel that is closed (or has nobody on the other side) can be
/// done: its result is an error. With `default`, nothing is waited for, and if there was a moment at which no operation could be done, the body
/// of `default` runs; with `default(duration)`, that is how long to wait. A channel may stand in several cases, on both sides. Works from
/// plain threads as well.
///
/// | case | `result` |
/// | --- | --- |
/// | `recv(receiver) -> result => body` | `Result<T, RecvError>` |
/// | `send(sender, message) -> result => body` | `Result<(), SendError<T>>` |
/// | `default => body`, `default(duration) => body` | |
///
/// A body ends with a comma, unless it is a block. There may be 60 cases (of each, the compiler's recursion limit sees two). All of the channels, and the duration, are evaluated first, in any case; a
/// message only when its case has been selected, as in crossbeam-channel (Go evaluates them all, and loses those that are not sent). If
/// there is no buffer, the receiver waits for that. If the evaluation panics or leaves the select (`return`, `?`), nothing is sent, and receivers
/// wait on.
///
/// ```
/// # use schedulers::gmp;
/// # use std::time::Duration;
/// let (to_worker, jobs) = gmp::channel(1);
/// let (results, from_worker) = gmp::channel::<u32>(0);
/// let mut todo = vec![1, 2];
/// let mut timeouts = 0;
/// while timeouts == 0 {
///     gmp::select! {
///         send(to_worker, todo.pop().unwrap()) -> sent => assert_eq!(sent, Ok(())),
///         recv(from_worker) -> result => println!("{result:?}"),
///         default(Duration::from_millis(1)) => timeouts += 1,
///     }
/// }
/// assert_eq!((todo, jobs.recv()), (vec![1], Ok(2)));
/// # drop(results);
/// ```
#[macro_export]
macro_rules! select {
    () => {
        ::std::compile_error!("`select!` without a case would wait for ever")
    };
    ($($tokens:tt)*) => {
        $crate::__select!(@parse ($($tokens)*) ())
    };
}

/// The works of [`select!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // (what is left to parse) (cases so far)
    (@parse () ($($cases:tt)*)) => {
        $crate::__select!(@bind ($($cases)*) () ())
    };
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:expr, $($tail:tt)*) ($($cases:tt)*)) => {
        $crate::__select!(@parse ($($tail)*) ($($cases)* [$case ($($($args)*)?) ($($result)?) ($body)]))
    };
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:block $($tail:tt)*) ($($cases:tt)*)) => {
        $crate::__select!(@parse ($($tail)*) ($($cases)* [$case ($($($args)*)?) ($($result)?) ($body)]))
    };
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:expr) ($($cases:tt)*)) => {
        $crate::__select!(@parse () ($($cases)* [$case ($($($args)*)?) ($($result)?) ($body)]))
    };
    (@parse ($($rest:tt)*) $cases:tt) => {
        ::std::compile_error!(::std::concat!("expected `operation => body` and a comma or a block, found `", ::std::stringify!($($rest)*), "`"))
    };

    // (cases left to bind) (cases bound) (how long to wait, and what if that is over)
    (@bind ([recv ($receiver:expr $(,)?) $result:tt $body:tt] $($cases:tt)*) ($($bound:tt)*) $default:tt) => {
        // A match, not a variable: what the expression borrows from temporaries of its own must live on.
        match &$receiver {
            channel => {
                let mut case = $crate::gmp::__select::RecvCase::new(channel);
                $crate::__select!(@bind ($($cases)*) ($($bound)* [case () $result $body]) $default)
            }
        }
    };
    (@bind ([send ($sender:expr, $message:expr $(,)?) $result:tt $body:tt] $($cases:tt)*) ($($bound:tt)*) $default:tt) => {
        match &$sender {
            channel => {
                let mut case = $crate::gmp::__select::SendCase::new(channel);
                $crate::__select!(@bind ($($cases)*) ($($bound)* [case ($message) $result $body]) $default)
            }
        }
    };
    (@bind ([default () () $body:tt] $($cases:tt)*) $bound:tt ()) => {
        $crate::__select!(@bind ($($cases)*) $bound ([None] $body))
    };
    (@bind ([default ($duration:expr $(,)?) () $body:tt] $($cases:tt)*) ($($bound:tt)*) ()) => {
        $crate::__select!(@bind ($($cases)*) ($($bound)*) ([For($duration)] $body))
    };
    (@bind () $bound:tt ()) => {
        $crate::__select!(@bind () $bound ([Endless] (::std::unreachable!("a select ends with one of its cases"))))
    };
    (@bind () ($([$case:ident ($($message:expr)?) ($result:pat) ($body:expr)])*) ([$($patience:tt)*] ($default:expr))) => {{
        $crate::gmp::__select::select([$($case.any()),*], $crate::gmp::__select::Patience::$($patience)*);
        $(
            if $case.is_chosen() {
                let $result = $case.outcome() $(.send($message))?;
                $body
            } else
        )* {
            $default
        }
    }};
    (@bind ([$case:ident $args:tt $result:tt $body:tt] $($cases:tt)*) $bound:tt $default:tt) => {
        ::std::compile_error!(::std::concat!(
            "expected `recv(receiver) -> result`, `send(sender, message) -> result`, or one `default` or `default(duration)`, found `",
            ::std::stringify!($case $args -> $result),
            "`"
        ))
    };
}
