//! G: a goroutine. One allocation holds it, its closure and, later, its result; the scheduler sees the [`G`] at its beginning.
//!
//! It begins at a cache line, in one of the [blocks](super::blocks) that Gs leave to each other.
//!
//! Who may touch a field:
//!
//! | field | while queued or waiting | while executing |
//! | --- | --- | --- |
//! | `context`, `stack` | whoever dispatches it | nobody; the next context, right after it was left |
//! | `m`, `waits_for` | whoever dispatches it; reports read | the G itself; reports read |
//! | `special` | whoever dispatches it | the G itself |
//! | `link` | the queue that it stands in | nobody |
//! | `join` | anyone | anyone |
//!
//! Who frees it: the scheduler's the G is until it has ended and left its stack; then `join` becomes [`DONE`], and from there on the G, outcome and all, is its handle's
//! alone. If the handle is gone by then ([`DETACHED`]), the G drops its outcome itself, still as user code, and the scheduler frees it. So what frees a G never runs
//! code of the user's, and nothing counts references: the one exchange of `join` decides, and there is none of it where one side knows that the other has no say.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    any::Any,
    cell::{Cell, UnsafeCell},
    mem::{ManuallyDrop, offset_of},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{NonNull, null, null_mut},
    sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize},
};

use super::{
    blocks::{self, Blocks, Class},
    exit::Exit,
    m::M,
    sched::Sched,
    scope::Family,
    stack::Stack,
    switch::Context,
};

/// What the context that runs next does for the G that was just left: queues it, unlocks the lock that it waits under, frees
/// it. Until this has run, nobody else may come to know that the G can be dispatched: its stack is still in use.
#[derive(Clone, Copy)]
pub(super) struct After {
    pub(super) commit: Commit,
    pub(super) data: *const (),
}

/// `g` has been left, on `m`, whose thread calls.
pub(super) type Commit = unsafe fn(m: &M, g: NonNull<G>, data: *const ());

/// The part of a goroutine that the scheduler sees. The low bits of its address serve as tags. What a dispatch needs comes first, to be on one cache line.
#[repr(C, align(16))]
pub(super) struct G {
    pub(super) context: UnsafeCell<Context>,
    /// Who dispatched it last; null if nobody has.
    pub(super) m: AtomicPtr<M>,
    /// The next in an intrusive list.
    pub(super) link: Cell<*mut G>,
    /// Alive as long as any of its Gs has not ended; see `Runtime`'s `Drop`.
    pub(super) sched: *const Sched,
    /// [`NOT_DONE`], [`DONE`], [`DETACHED`], or the `Waiter` that waits for the end. The handle's side changes [`NOT_DONE`], once, and it alone; the last change is
    /// the scheduler's.
    pub(super) join: AtomicUsize,
    /// The number of the `WaitReason` that it parked for; 0 from when it is dispatched. For reports: nothing depends on it.
    pub(super) waits_for: AtomicU8,
    /// What a dispatch must heed: [`NEW`], [`WIRED`], [`ENDED`]; mostly 0.
    pub(super) special: Cell<u8>,
    /// What its closure may borrow.
    pub(super) borrows: Borrows,
    /// `None` until it first runs, and again when it has ended.
    pub(super) stack: Cell<Option<Stack>>,
    pub(super) id: u64,
    code: &'static Code,
}

/// What a G's closure may borrow, so that somebody relies on its having ended. One word: null, [`Borrows::FRAME`], or a scope's family.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Borrows(*const Family);

impl Borrows {
    pub(super) const NOTHING: Borrows = Borrows(null());
    /// What is in the frame of somebody who waits.
    pub(super) const FRAME: Borrows = Borrows(std::ptr::without_provenance(1));

    /// What outlives the scope of this family.
    #[inline]
    pub(super) fn scope(family: &Family) -> Self {
        Borrows(family)
    }

    /// Where the G is counted until its end.
    #[inline]
    pub(super) fn family(self) -> Option<*const Family> {
        (self != Self::NOTHING && self != Self::FRAME).then_some(self.0)
    }
}

/// [`G::special`]: it has never run, and has no stack.
pub(super) const NEW: u8 = 1;
/// [`G::special`]: it runs on its M only; see `thread_lock`.
pub(super) const WIRED: u8 = 2;
/// [`G::special`], beside [`NEW`]: its closure has been called, and it runs once more only to drop the outcome; see `life`.
pub(super) const ENDED: u8 = 4;

/// Not ended, nobody waits.
pub(super) const NOT_DONE: usize = 0;
/// The outcome is there, and the G is off its stack.
pub(super) const DONE: usize = 1;
/// Not ended, and the handle is gone. No `Waiter` has this bit and the one of [`DONE`].
pub(super) const DETACHED: usize = 3;

/// What depends on the types of the closure and its result.
struct Code {
    run: unsafe fn(NonNull<G>),
    exited: unsafe fn(NonNull<G>),
    discard: unsafe fn(NonNull<G>),
    /// Of its block; `None`: the allocator has it.
    class: Option<Class>,
    layout: Layout,
}

/// What a G ends with: its closure's value, or the payload of its panic, or [`Exit`].
pub(super) type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// A G with its closure, and later its outcome. `repr(C)`: a pointer to the G at its beginning is a pointer to the whole.
#[repr(C)]
struct Task<F, T> {
    g: G,
    stage: UnsafeCell<Stage<F, T>>,
}

/// The closure until it is called; the outcome from its end until somebody takes it.
#[repr(C)]
union Stage<F, T> {
    closure: ManuallyDrop<F>,
    outcome: ManuallyDrop<Outcome<T>>,
}

/// A task as its handle sees it, which does not know the closure.
#[repr(C)]
struct Ended<T> {
    g: G,
    outcome: UnsafeCell<Outcome<T>>,
}

impl<F: FnOnce() -> T, T> Task<F, T> {
    const CODE: Code =
        Code { run: Self::run, exited: Self::exited, discard: Self::discard, class: Self::CLASS, layout: Self::LAYOUT };

    /// Whether the outcome is where the handle looks for it: unless the closure needs an alignment of its own.
    const FITS: bool = offset_of!(Self, stage) == offset_of!(Ended<T>, outcome);

    unsafe fn stage(g: NonNull<G>) -> *mut Stage<F, T> {
        // SAFETY: this code belongs to Gs that were allocated as this type of task.
        unsafe { (*g.cast::<Self>().as_ptr()).stage.get() }
    }

    unsafe fn run(g: NonNull<G>) {
        // SAFETY: until its end the stage belongs to the G that runs, which does so once: it is the closure before and the outcome after.
        unsafe {
            let stage = Self::stage(g);
            let f = ManuallyDrop::take(&mut (*stage).closure);
            // Unwind-safe as `std::thread::spawn` is: who joins learns of the panic before it can see anything broken by it.
            (*stage).outcome = ManuallyDrop::new(catch_unwind(AssertUnwindSafe(f)));
        }
    }

    unsafe fn exited(g: NonNull<G>) {
        // SAFETY: as in `run`, which is on the stack below and never comes to write its own.
        unsafe { (*Self::stage(g)).outcome = ManuallyDrop::new(Err(Box::new(Exit))) };
    }

    unsafe fn discard(g: NonNull<G>) {
        // SAFETY: the G was detached, so nobody else comes for the outcome, and it does so once.
        let outcome = unsafe { G::take_outcome::<T>(g) };
        // SAFETY: the scope waits for the end of this G.
        if let Some(family) = unsafe { g.as_ref() }.borrows.family() {
            // SAFETY: as above.
            return unsafe { &*family }.discard(outcome);
        }
        // As a panic of the G itself: nobody is left to hear of it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(outcome))) {
            std::mem::forget(payload); // It may panic too.
        }
    }

    const LAYOUT: Layout = Layout::new::<Self>();
    const CLASS: Option<Class> = Class::of(Self::LAYOUT);

    #[inline]
    fn allocate(f: F, id: u64, sched: *const Sched, borrows: Borrows, blocks: Option<&mut Blocks>) -> NonNull<G> {
        let block = match (Self::CLASS, blocks) {
            (Some(class), Some(blocks)) => blocks.take(class),
            (Some(class), None) => blocks::take(class),
            (None, _) => {
                // SAFETY: the layout's size is not 0.
                let block = unsafe { alloc(Self::LAYOUT) };
                NonNull::new(block).unwrap_or_else(|| handle_alloc_error(Self::LAYOUT))
            }
        };
        let g = G {
            context: UnsafeCell::new(Context::of_thread()),
            m: AtomicPtr::default(),
            link: Cell::new(null_mut()),
            sched,
            join: AtomicUsize::new(NOT_DONE),
            waits_for: AtomicU8::new(0),
            special: Cell::new(NEW),
            borrows,
            stack: Cell::new(None),
            id,
            code: &Self::CODE,
        };
        let task = Task::<F, T> { g, stage: UnsafeCell::new(Stage { closure: ManuallyDrop::new(f) }) };
        // SAFETY: it is as large and as aligned as the type needs.
        unsafe { block.cast::<Self>().write(task) };
        block.cast()
    }
}

impl G {
    /// A new G, in one of the `blocks` of the caller's P, if it has one.
    #[inline]
    pub(super) fn allocate<F: FnOnce() -> T, T>(
        f: F,
        id: u64,
        sched: *const Sched,
        borrows: Borrows,
        blocks: Option<&mut Blocks>,
    ) -> NonNull<G> {
        if Task::<F, T>::FITS {
            Task::allocate(f, id, sched, borrows, blocks)
        } else {
            Task::<Box<F>, T>::allocate(Box::new(f), id, sched, borrows, blocks)
        }
    }

    /// Calls the closure, and keeps what it returns or panics with.
    ///
    /// # Safety
    /// Once, on the G's own stack, not as part of the scheduler (see `enter`).
    pub(super) unsafe fn run(this: NonNull<G>) {
        // SAFETY: the caller's; the code is that of the G's own type.
        unsafe { (this.as_ref().code.run)(this) }
    }

    /// Writes [`Exit`] as the outcome of a G whose closure will not return.
    ///
    /// # Safety
    /// The G calls it, in its closure, to which it never comes back.
    pub(super) unsafe fn exited(this: NonNull<G>) {
        // SAFETY: the caller's.
        unsafe { (this.as_ref().code.exited)(this) }
    }

    /// Drops the outcome, which runs code of the user's. Never panics.
    ///
    /// # Safety
    /// The G has ended, the caller found it [`DETACHED`], and is not in the scheduler.
    pub(super) unsafe fn discard_outcome(this: NonNull<G>) {
        // SAFETY: the caller's.
        unsafe { (this.as_ref().code.discard)(this) }
    }

    /// Takes the outcome out.
    ///
    /// # Safety
    /// Once, by the G's handle when it is [`DONE`], or for [`discard_outcome`](G::discard_outcome); `T` is the type that it was allocated with.
    #[inline]
    pub(super) unsafe fn take_outcome<T>(this: NonNull<G>) -> Outcome<T> {
        // SAFETY: the caller's; `allocate` has seen to it that this is where the outcome is.
        unsafe { (*this.cast::<Ended<T>>().as_ptr()).outcome.get().read() }
    }

    /// Frees it. Its block goes to those of the caller's P, if it has one.
    ///
    /// # Safety
    /// It is the caller's alone: its handle's when it is [`DONE`], the scheduler's when it is [`DETACHED`], has ended and left its stack. The outcome was taken; if
    /// not, it stays undropped.
    #[inline]
    pub(super) unsafe fn free(this: NonNull<G>, blocks: Option<&mut Blocks>) {
        // SAFETY: allocated by `allocate`, as the code says.
        unsafe {
            let &Code { class, layout, .. } = this.as_ref().code;
            this.drop_in_place();
            match (class, blocks) {
                (Some(class), Some(blocks)) => blocks.put(class, this.cast()),
                (Some(class), None) => blocks::put(class, this.cast()),
                (None, _) => dealloc(this.cast().as_ptr(), layout),
            }
        }
    }
}
