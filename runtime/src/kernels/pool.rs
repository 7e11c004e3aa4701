//! A fork-join pool for the regions of a training step: hundreds a millisecond apart or less, each
//! a few microseconds long.
//!
//! The parts `0..parts` of a region fall into one contiguous run a thread; the caller works, too.
//! A worker that has nothing to do spins, then yields while it spins, then sleeps. A caller that is
//! done takes back the runs that no worker has begun: a worker that is asleep, or waits for its
//! processor, costs no more than the work itself. A region allocates nothing and takes no lock.
//!
//! If the process may use exactly as many processors as the pool has threads, each worker is bound
//! to one that the caller is not on. Otherwise a worker that is woken up may land on the caller's
//! processor and wait there behind the caller's spinning. The caller is never bound: its thread is
//! not the pool's, and the system moves it away from a worker's processor by itself. With more
//! processors than threads nothing is bound, since other programs may be on any of them.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::affinity;

/// Works on the parts `begin..end` of a region. It cannot unwind: a panic inside aborts.
pub type RegionFn = unsafe extern "C" fn(ctx: *mut c_void, begin: u32, end: u32);

/// Nothing to do: the worker is spinning.
const IDLE: u32 = 0;
/// Nothing to do: the worker sleeps, or is about to.
const ASLEEP: u32 = 1;
/// There is a job, and whoever gets to it first does it.
const READY: u32 = 2;
/// The worker is at its job.
const RUNNING: u32 = 3;
/// The worker is to end.
const QUIT: u32 = 4;

/// Turns of a spin loop before the thread starts to yield between turns (about 20 to 40 µs).
const SPINS: u32 = 1000;
/// How long a worker without work stays awake: longer than the gaps inside a step.
const AWAKE: Duration = Duration::from_micros(500);

#[derive(Clone, Copy)]
struct Job {
    region: RegionFn,
    ctx: *mut c_void,
    begin: u32,
    end: u32,
}

/// Where a worker gets its jobs, on cache lines of its own (two, since they are fetched in pairs).
///
/// The job is written by the caller while the state is IDLE or ASLEEP, and read by the worker while
/// it is RUNNING. The worker goes from READY to RUNNING and on to IDLE, and from IDLE to ASLEEP; the
/// caller goes from IDLE or ASLEEP to READY, and from READY back to IDLE when it does the job itself.
#[repr(align(128))]
struct Slot {
    state: AtomicU32,
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: `state` hands the job from one thread to the other with release and acquire, as above;
// the context of a job is the business of whoever passed it to the unsafe `run`.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

struct Worker {
    slot: Arc<Slot>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

/// A caller and its helpers. Dropping it ends and joins them.
pub struct Pool {
    workers: Vec<Worker>,
    /// A region is running; regions that come meanwhile run on their caller alone.
    busy: AtomicBool,
    /// Turns of a spin loop before yielding; 0 if there are more threads than cores.
    spins: u32,
}

impl Pool {
    /// A pool of `threads` threads, the caller among them (0 counts as 1). With one, regions are
    /// plain calls and no thread is started.
    ///
    /// # Errors
    /// The system's error if it refuses to start a thread.
    pub fn new(threads: usize) -> std::io::Result<Pool> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let spins = if threads > cores { 0 } else { SPINS };
        let mut homes = affinity::allowed();
        if homes.len() == threads {
            let here = affinity::current();
            homes.retain(|&cpu| Some(cpu) != here);
        } else {
            homes.clear();
        }
        let mut pool = Pool { workers: Vec::new(), busy: AtomicBool::new(false), spins };
        for i in 1..threads {
            let slot = Arc::new(Slot { state: AtomicU32::new(IDLE), job: UnsafeCell::new(None) });
            let theirs = Arc::clone(&slot);
            let home = homes.get(i - 1).copied();
            // An early return drops the pool, which ends the workers that have been started.
            let handle = std::thread::Builder::new().name(format!("nnc-{i}")).spawn(move || {
                home.into_iter().for_each(affinity::bind);
                work(&theirs, spins);
            })?;
            let thread = handle.thread().clone();
            pool.workers.push(Worker { slot, thread, handle: Some(handle) });
        }
        Ok(pool)
    }

    /// The threads that share a region, the caller among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `region` over the parts `0..parts` and returns when all are done. With `t` threads (no
    /// more than parts), thread `i` takes the parts from `i·parts/t` to `(i+1)·parts/t`.
    ///
    /// A region inside a region, or one started by another thread meanwhile, runs on its caller.
    ///
    /// # Safety
    /// `region` must be sound to call with `ctx` and any run of `0..parts`, on several threads at
    /// once for disjoint runs.
    pub unsafe fn run(&self, parts: u32, region: RegionFn, ctx: *mut c_void) {
        let threads = (self.threads() as u64).min(u64::from(parts)) as u32;
        if threads <= 1 || self.busy.swap(true, Ordering::Acquire) {
            if parts > 0 {
                // SAFETY: the caller vouches for the region.
                unsafe { region(ctx, 0, parts) };
            }
            return;
        }
        // No overflow: the quotient is at most `parts`.
        let cut = |i: u32| (u64::from(i) * u64::from(parts) / u64::from(threads)) as u32;
        let helpers = || self.workers.iter().zip(1..threads);
        for (worker, i) in helpers() {
            let job = Job { region, ctx, begin: cut(i), end: cut(i + 1) };
            // SAFETY: the state is IDLE or ASLEEP, so the worker does not look at the job.
            unsafe { *worker.slot.job.get() = Some(job) };
            if worker.slot.state.swap(READY, Ordering::AcqRel) == ASLEEP {
                worker.thread.unpark();
            }
        }
        // SAFETY: the caller vouches for the region.
        unsafe { region(ctx, 0, cut(1)) };
        for (worker, i) in helpers() {
            let state = &worker.slot.state;
            if state.compare_exchange(READY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                // SAFETY: as above; no worker has begun this run, and none will.
                unsafe { region(ctx, cut(i), cut(i + 1)) };
            }
        }
        for (worker, _) in helpers() {
            let mut turns = 0;
            while worker.slot.state.load(Ordering::Acquire) == RUNNING {
                pause(&mut turns, self.spins);
            }
        }
        self.busy.store(false, Ordering::Release);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for worker in &self.workers {
            // No region is running (it would borrow the pool), so the state is IDLE or ASLEEP.
            if worker.slot.state.swap(QUIT, Ordering::AcqRel) == ASLEEP {
                worker.thread.unpark();
            }
        }
        for handle in self.workers.iter_mut().filter_map(|worker| worker.handle.take()) {
            // A worker cannot panic: regions do not unwind.
            let _ = handle.join();
        }
    }
}

/// One turn of a waiting loop: a spin hint at first, the core to somebody else later on.
#[inline]
fn pause(turns: &mut u32, spins: u32) {
    if *turns < spins {
        *turns += 1;
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// The life of a worker.
fn work(slot: &Slot, spins: u32) {
    while wait(slot, spins) != QUIT {
        let begun = slot.state.compare_exchange(READY, RUNNING, Ordering::AcqRel, Ordering::Acquire);
        if begun.is_err() {
            // The caller was faster.
            continue;
        }
        // SAFETY: the state is RUNNING, so nobody writes the job, and whoever passed it to `run`
        // vouches for it.
        unsafe {
            if let Some(job) = *slot.job.get() {
                (job.region)(job.ctx, job.begin, job.end);
            }
        }
        // Nobody else leaves RUNNING, so a plain store loses nothing.
        slot.state.store(IDLE, Ordering::Release);
    }
}

/// Waits until there is something to do: READY or QUIT.
fn wait(slot: &Slot, spins: u32) -> u32 {
    let mut turns = 0;
    let mut since = None;
    loop {
        let state = slot.state.load(Ordering::Acquire);
        if state == READY || state == QUIT {
            return state;
        }
        pause(&mut turns, spins);
        if turns < spins {
            continue;
        }
        if since.get_or_insert_with(Instant::now).elapsed() < AWAKE {
            continue;
        }
        let sleep = slot.state.compare_exchange(IDLE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        // Wakes up for no reason are allowed; the state says when there is one.
        while sleep.is_ok() && slot.state.load(Ordering::Acquire) == ASLEEP {
            std::thread::park();
        }
    }
}

/// [`Pool::run`] for generated code; without a pool (null), a plain call.
///
/// # Safety
/// `pool` is null or valid; the rest as for [`Pool::run`].
pub unsafe extern "C" fn parallel(pool: *const Pool, region: RegionFn, ctx: *mut c_void, parts: u32) {
    // SAFETY: the caller vouches for the pool and the region.
    unsafe {
        match pool.as_ref() {
            Some(pool) => pool.run(parts, region, ctx),
            None if parts > 0 => region(ctx, 0, parts),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often each part ran.
    unsafe extern "C" fn count(ctx: *mut c_void, begin: u32, end: u32) {
        // SAFETY: the tests pass a vector of counters that outlives the region.
        let counters = unsafe { &*ctx.cast::<Vec<AtomicU32>>() };
        for counter in &counters[begin as usize..end as usize] {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counters(parts: u32) -> Vec<AtomicU32> {
        (0..parts).map(|_| AtomicU32::new(0)).collect()
    }

    fn run(pool: &Pool, parts: u32, counters: &Vec<AtomicU32>) {
        // SAFETY: `count` takes a vector of at least `parts` counters.
        unsafe { pool.run(parts, count, std::ptr::from_ref(counters).cast_mut().cast()) }
    }

    #[test]
    fn every_part_runs_once_a_region() {
        for threads in [0, 1, 2, 3] {
            let pool = Pool::new(threads).unwrap();
            assert_eq!(pool.threads(), threads.max(1));
            for parts in [0, 1, 2, 3, 7, 16] {
                let counters = counters(parts);
                let rounds = if threads < 3 { 3000 } else { 300 };
                for round in 1..=rounds {
                    run(&pool, parts, &counters);
                    assert!(counters.iter().all(|c| c.load(Ordering::Relaxed) == round));
                }
            }
        }
    }

    #[test]
    fn workers_wake_from_sleep() {
        for threads in [2, 3] {
            let pool = Pool::new(threads).unwrap();
            let counters = counters(8);
            for round in 1..=20 {
                std::thread::sleep(AWAKE * 3);
                run(&pool, 8, &counters);
                assert!(counters.iter().all(|c| c.load(Ordering::Relaxed) == round));
            }
        }
    }

    /// A pool, the counters of its inner region, and who ran the outer one.
    struct Nested {
        pool: Pool,
        counters: Vec<AtomicU32>,
    }

    unsafe extern "C" fn nest(ctx: *mut c_void, begin: u32, end: u32) {
        // SAFETY: the test passes a `Nested` that outlives the region.
        let nested = unsafe { &*ctx.cast::<Nested>() };
        for _ in begin..end {
            run(&nested.pool, nested.counters.len() as u32, &nested.counters);
        }
    }

    #[test]
    fn regions_inside_regions_and_beside_each_other_do_not_deadlock() {
        let nested = Nested { pool: Pool::new(2).unwrap(), counters: counters(5) };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let ctx = std::ptr::from_ref(&nested).cast_mut().cast();
                        // SAFETY: `nest` takes a `Nested`.
                        unsafe { nested.pool.run(4, nest, ctx) };
                    }
                });
            }
        });
        assert!(nested.counters.iter().all(|c| c.load(Ordering::Relaxed) == 2 * 200 * 4));
    }

    #[test]
    fn generated_code_may_come_without_a_pool() {
        let (pool, counters) = (Pool::new(2).unwrap(), counters(6));
        let ctx = std::ptr::from_ref(&counters).cast_mut().cast();
        // SAFETY: `count` takes a vector of at least six counters.
        unsafe {
            parallel(std::ptr::null(), count, ctx, 6);
            parallel(&pool, count, ctx, 6);
            parallel(std::ptr::null(), count, ctx, 0);
        }
        assert!(counters.iter().all(|c| c.load(Ordering::Relaxed) == 2));
    }
}
