//! What ThreadSanitizer (`--cfg gmp_tsan`) and AddressSanitizer (`--cfg gmp_asan`) are told of a switch. In any other build nothing: no code, no bytes.
//!
//! Both keep books by thread, and both have an interface for programs that switch stacks. A [`Shadow`] is what they know of a context:
//!
//! | | ThreadSanitizer | AddressSanitizer |
//! | --- | --- | --- |
//! | [`Shadow`] | a "fiber": a call stack and a clock | the stack's bounds, and a "fake stack", where locals are kept for a while after their frame has returned |
//! | [`leave`], right before a switch | from here on the other fiber | the other stack's bounds |
//! | [`arrive`], right after it | | the fake stack that was left is in use again |
//!
//! A switch counts as synchronisation for ThreadSanitizer: a thread does one thing after the other, and what belongs to an M or a P relies on that.
//! The price: Gs that one M happens to execute in turn are ordered by it, so a race of theirs shows only if they run on two.

#[cfg(gmp_asan)]
pub(super) use asan::{Shadow, arrive, arrive_fresh, leave};
#[cfg(not(any(gmp_tsan, gmp_asan)))]
pub(super) use none::{Shadow, arrive, leave};
#[cfg(gmp_tsan)]
pub(super) use tsan::{Shadow, arrive, leave};

#[cfg(not(any(gmp_tsan, gmp_asan)))]
mod none {
    use crate::gmp::stack::Stack;

    pub(in crate::gmp::switch) struct Shadow;

    impl Shadow {
        pub(in crate::gmp::switch) const fn of_thread() -> Self {
            Shadow
        }

        pub(in crate::gmp::switch) fn fresh(_: &Stack) -> Self {
            Shadow
        }
    }

    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn leave(_: *mut Shadow, _: *mut Shadow) {}

    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn arrive(_: *mut Shadow) {}
}

#[cfg(gmp_tsan)]
mod tsan {
    use std::{
        ffi::{c_uint, c_void},
        ptr::null_mut,
    };

    use crate::gmp::stack::Stack;

    // `sanitizer/tsan_interface.h` of LLVM.
    unsafe extern "C" {
        fn __tsan_get_current_fiber() -> *mut c_void;
        fn __tsan_create_fiber(flags: c_uint) -> *mut c_void;
        fn __tsan_destroy_fiber(fiber: *mut c_void);
        fn __tsan_switch_to_fiber(fiber: *mut c_void, flags: c_uint);
    }

    /// For `__tsan_switch_to_fiber`: the switch synchronises.
    const SYNCHRONISES: c_uint = 0;

    pub(in crate::gmp::switch) struct Shadow {
        /// A thread's own: from when it is first left.
        fiber: *mut c_void,
        is_ours: bool,
    }

    impl Shadow {
        pub(in crate::gmp::switch) const fn of_thread() -> Self {
            Shadow { fiber: null_mut(), is_ours: false }
        }

        pub(in crate::gmp::switch) fn fresh(_: &Stack) -> Self {
            // SAFETY: may be called anywhere.
            Shadow { fiber: unsafe { __tsan_create_fiber(0) }, is_ours: true }
        }
    }

    impl Drop for Shadow {
        fn drop(&mut self) {
            if self.is_ours {
                // SAFETY: a context that is dropped does not run.
                unsafe { __tsan_destroy_fiber(self.fiber) };
            }
        }
    }

    /// Inlined, down to the jump: each function says when it begins and ends, and must say both on the same fiber.
    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn leave(from: *mut Shadow, to: *mut Shadow) {
        // SAFETY: `from` runs and `to` is suspended, says the caller; so `to` has a fiber.
        unsafe {
            // Each time: an M is used again, by another thread.
            if !(*from).is_ours {
                (*from).fiber = __tsan_get_current_fiber();
            }
            __tsan_switch_to_fiber((*to).fiber, SYNCHRONISES);
        }
    }

    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn arrive(_: *mut Shadow) {}
}

#[cfg(gmp_asan)]
mod asan {
    use std::{
        ffi::c_void,
        ptr::{null, null_mut, with_exposed_provenance},
    };

    use crate::gmp::stack::Stack;

    // `sanitizer/common_interface_defs.h` and `sanitizer/asan_interface.h` of LLVM.
    unsafe extern "C" {
        fn __sanitizer_start_switch_fiber(save: *mut *mut c_void, bottom: *const c_void, size: usize);
        fn __sanitizer_finish_switch_fiber(saved: *mut c_void, old_bottom: *mut *const c_void, old_size: *mut usize);
        fn __asan_unpoison_memory_region(address: *const c_void, size: usize);
    }

    pub(in crate::gmp::switch) struct Shadow {
        is_thread: bool,
        /// A thread's own: from when it is first left.
        bottom: *const c_void,
        size: usize,
        fake_stack: *mut c_void,
        ends: bool,
    }

    impl Shadow {
        pub(in crate::gmp::switch) const fn of_thread() -> Self {
            Shadow { is_thread: true, bottom: null(), size: 0, fake_stack: null_mut(), ends: false }
        }

        pub(in crate::gmp::switch) fn fresh(stack: &Stack) -> Self {
            let (bottom, size) = (with_exposed_provenance(stack.bottom()), stack.top() - stack.bottom());
            // The last G left its frames there, with poison between their locals.
            // SAFETY: the memory of a stack that nobody uses.
            unsafe { __asan_unpoison_memory_region(bottom, size) };
            Shadow { is_thread: false, bottom, size, fake_stack: null_mut(), ends: false }
        }

        /// The next switch away is the last.
        pub(in crate::gmp::switch) fn ends(&mut self) {
            self.ends = true;
        }
    }

    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn leave(from: *mut Shadow, to: *mut Shadow) {
        // SAFETY: `from` runs and `to` is suspended, says the caller; so the bounds of `to` are known.
        unsafe {
            // Each time: an M is used again, by another thread.
            if (*from).is_thread {
                ((*from).bottom, (*from).size) = bounds_of_thread();
            }
            // Null: there is nothing to save, the fake stack goes.
            let save = if (*from).ends { null_mut() } else { &raw mut (*from).fake_stack };
            __sanitizer_start_switch_fiber(save, (*to).bottom, (*to).size);
        }
    }

    #[inline(always)]
    pub(in crate::gmp::switch) unsafe fn arrive(me: *mut Shadow) {
        // SAFETY: `me` runs again, says the caller, and `leave` has saved this.
        unsafe { __sanitizer_finish_switch_fiber((*me).fake_stack, null_mut(), null_mut()) };
    }

    /// As [`arrive`], where a fresh context begins.
    pub(in crate::gmp::switch) unsafe extern "C" fn arrive_fresh() {
        // SAFETY: a context that has not run has no fake stack.
        unsafe { __sanitizer_finish_switch_fiber(null_mut(), null_mut(), null_mut()) };
    }

    fn bounds_of_thread() -> (*const c_void, usize) {
        let mut attributes = std::mem::MaybeUninit::uninit();
        let (mut bottom, mut size) = (null_mut(), 0);
        // SAFETY: all is written to our own variables.
        let done = unsafe {
            let done = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
            libc::pthread_attr_getstack(attributes.as_ptr(), &mut bottom, &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            done
        };
        assert_eq!(done, 0, "a thread knows its stack");
        (bottom, size)
    }
}
