//! The CPU of a small Lambda function.
//!
//! Lambda gives a function CPU in proportion to its memory, one core at 1,769 MB (Lambda Developer Guide, "Configure Lambda
//! function memory"), by the kernel's bandwidth control: in each period it runs until its share is used up, and then stands
//! still until the next one; what it ran too long is taken from the next. Here a thread does so by signals, since control groups
//! are not ours to make everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

const MB_OF_A_CORE: u32 = 1_769;
/// The period that Lambda has been seen to use.
const PERIOD: Duration = Duration::from_millis(20);
/// How often the thread looks: the error of a share.
const LOOK: Duration = Duration::from_micros(50);

/// Throttles a process until it is dropped.
pub(crate) struct Throttle {
    pid: Pid,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Throttles `pid` as a function with so much memory.
    pub(crate) fn start(pid: Pid, memory_mb: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (share, ends) = (PERIOD * memory_mb / MB_OF_A_CORE, Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut debt = Duration::ZERO;
            while !ends.load(Ordering::Relaxed) {
                // Of a process that has gone there is nothing to throttle.
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

/// Lets the process run in one period until its share is used up, less what it ran too long before. Gives what it has run too
/// long now: the kernel updates another process's time only every few milliseconds.
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
