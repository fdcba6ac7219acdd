//! Limits CPU like a small Lambda function.
//!
//! Lambda gives a function CPU in proportion to its memory: one core at 1,769 MB (Lambda Developer Guide, "Configure
//! Lambda function memory"). It uses the kernel's bandwidth control. In each period, the function runs until its share
//! is used up, then stops until the next period. If it ran too long, the next period is shorter. Here a thread does
//! this with signals, because we cannot create control groups everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

const MB_OF_A_CORE: u32 = 1_769;
/// The period that Lambda was observed to use.
const PERIOD: Duration = Duration::from_millis(20);
/// How often the thread checks. This is the error of a share.
const LOOK: Duration = Duration::from_micros(50);

/// Throttles a process until it is dropped.
pub(crate) struct Throttle {
    pid: Pid,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Throttles `pid` like a function with this much memory.
    pub(crate) fn start(pid: Pid, memory_mb: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (share, ends) = (PERIOD * memory_mb / MB_OF_A_CORE, Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut debt = Duration::ZERO;
            while !ends.load(Ordering::Relaxed) {
                // The process has exited.
                match period(pid, share, debt) {
                    Ok(left) => debt = left,
                    Err(_) => break,
                }
            }
        });
        Self { pid, over, thread: Some(thread) }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = kill(self.pid, Signal::SIGCONT);
    }
}

/// Lets the process run for one period until its share is used up, minus `debt`. Returns how much longer it ran,
/// because the kernel updates another process's time only every few milliseconds.
fn period(pid: Pid, share: Duration, debt: Duration) -> nix::Result<Duration> {
    let (began, clock) = (Instant::now(), ClockId::pid_cpu_clock_id(pid)?);
    let used = || clock_gettime(clock).map(Duration::from);
    let before = used()?;
    while began.elapsed() < PERIOD {
        let owed = debt + used()?.saturating_sub(before);
        if owed >= share {
            kill(pid, Signal::SIGSTOP)?;
            thread::sleep(PERIOD.saturating_sub(began.elapsed()));
            let owed = debt + used()?.saturating_sub(before);
            if owed < share * 2 {
                kill(pid, Signal::SIGCONT)?;
            }
            return Ok(owed.saturating_sub(share));
        }
        thread::sleep(LOOK);
    }
    Ok(Duration::ZERO)
}
