//! The macro: crossbeam-channel's syntax.
//!
//! `__select!` works in two passes, each a step a case (so the compiler's recursion limit of 128 allows 60 cases). `@parse` brings every case into one
//! form; a body ends with a comma, or is a block, or is the last. `@bind` makes a variable for each case, in a nest of
//! blocks; that each of them is called `case` is no conflict, since each comes from an expansion of its own. Inside the nest it selects, and looks for
//! the case that was chosen. No case has a destructor of its own, so what it borrows is free again when the chosen body runs.

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
/// A body ends with a comma, unless it is a block. All of the channels, and the duration, are evaluated first, in any case; a
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
        $crate::__select!(@parse ($($tokens)*) () ())
    };
}

/// The works of [`select!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // (what is left to parse) (cases so far) (default so far)
    (@parse () $cases:tt ()) => {
        $crate::__select!(@bind $cases () [Endless] {
            ::std::unreachable!("a select ends with one of its cases")
        })
    };
    (@parse () $cases:tt ([$($patience:tt)*] $body:expr)) => {
        $crate::__select!(@bind $cases () [$($patience)*] $body)
    };
    // Everything but a comma after the body, or what stands for one.
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:expr, $($tail:tt)*) $cases:tt $default:tt) => {
        $crate::__select!(@case $case ($($($args)*)?) ($($result)?) ($body) ($($tail)*) $cases $default)
    };
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:block $($tail:tt)*) $cases:tt $default:tt) => {
        $crate::__select!(@case $case ($($($args)*)?) ($($result)?) ($body) ($($tail)*) $cases $default)
    };
    (@parse ($case:ident $(($($args:tt)*))? $(-> $result:pat)? => $body:expr) $cases:tt $default:tt) => {
        $crate::__select!(@case $case ($($($args)*)?) ($($result)?) ($body) () $cases $default)
    };
    (@parse ($($rest:tt)*) $cases:tt $default:tt) => {
        ::std::compile_error!(::std::concat!(
            "expected `recv(receiver) -> result => body`, `send(sender, message) -> result => body` or `default => body` at `",
            ::std::stringify!($($rest)*),
            "`"
        ))
    };

    (@case recv ($receiver:expr $(,)?) ($result:pat) ($body:expr) $tail:tt ($($cases:tt)*) $default:tt) => {
        $crate::__select!(@parse $tail ($($cases)* [RecvCase ($receiver) () ($result) ($body)]) $default)
    };
    (@case send ($sender:expr, $message:expr $(,)?) ($result:pat) ($body:expr) $tail:tt ($($cases:tt)*) $default:tt) => {
        $crate::__select!(@parse $tail ($($cases)* [SendCase ($sender) ($message) ($result) ($body)]) $default)
    };
    (@case default () () ($body:expr) $tail:tt $cases:tt ()) => {
        $crate::__select!(@parse $tail $cases ([None] $body))
    };
    (@case default ($duration:expr $(,)?) () ($body:expr) $tail:tt $cases:tt ()) => {
        $crate::__select!(@parse $tail $cases ([For($duration)] $body))
    };
    (@case default $args:tt () $body:tt $tail:tt $cases:tt ($($default:tt)+)) => {
        ::std::compile_error!("`select!` with two `default` cases")
    };
    (@case $case:ident $args:tt $result:tt $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "expected `recv(receiver) -> result`, `send(sender, message) -> result`, `default` or `default(duration)`, found `",
            ::std::stringify!($case $args -> $result),
            "`"
        ))
    };

    // (cases left to bind) (cases bound) [patience] default
    (@bind ([$type:ident ($channel:expr) $($rest:tt)*] $($cases:tt)*) ($($bound:tt)*) $patience:tt $default:expr) => {
        // A match, not a variable: what the expression borrows from temporaries of its own must live on.
        match &$channel {
            channel => {
                let case = $crate::gmp::__select::$type::new(channel);
                $crate::__select!(@bind ($($cases)*) ($($bound)* [case $($rest)*]) $patience $default)
            }
        }
    };
    (@bind () ($([$case:ident ($($message:expr)?) ($result:pat) ($body:expr)])*) [$($patience:tt)*] $default:expr) => {{
        $crate::gmp::__select::select([$($case.any()),*], $crate::gmp::__select::Patience::$($patience)*);
        $(
            if let ::std::option::Option::Some(outcome) = $case.outcome() {
                let $result = outcome $(.send($message))?;
                $body
            } else
        )* {
            $default
        }
    }};
}
