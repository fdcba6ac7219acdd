//! The CPU of a small Lambda function.
//!
//! Lambda gives a function CPU in proportion to its memory, one core at 1,769 MB (Lambda Developer Guide, "Configure Lambda
//! function memory"), by the kernel's bandwidth control: in each period it runs until its share is used up, and then stands
//! still until the next one. Here a thread does so by signals, since control groups are not ours to make everywhere.

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
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Throttles `pid` as a function with so much memory.
    pub(crate) fn start(pid: Pid, memory_mb: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (share, ends) = (PERIOD * memory_mb / MB_OF_A_CORE, Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // Of a process that has gone there is nothing to throttle.
                if period(pid, share).is_err() {
                    break;
                }
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Lets the process run in this period until its share is used up.
fn period(pid: Pid, share: Duration) -> nix::Result<()> {
    let (began, clock) = (Instant::now(), ClockId::pid_cpu_clock_id(pid)?);
    let used = || clock_gettime(clock).map(Duration::from);
    let before = used()?;
    while began.elapsed() < PERIOD {
        if used()?.saturating_sub(before) >= share {
            kill(pid, Signal::SIGSTOP)?;
            thread::sleep(PERIOD.saturating_sub(began.elapsed()));
            return kill(pid, Signal::SIGCONT);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
