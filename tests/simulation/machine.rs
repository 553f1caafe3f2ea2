//! A worker's machine in a simulation: the real kernel, block by block, each block taking as long as this machine's speed says.

use std::sync::Arc;
use std::time::Duration;

use carlo_types::Load;
use carlo_worker::{Machine, Part};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Mutex, mpsc};

/// Some threads of one speed.
pub(crate) struct SimMachine {
    threads: usize,
    parts: mpsc::UnboundedSender<Part>,
    random: ChaCha8Rng,
}

impl SimMachine {
    /// A machine with so many threads, each of which takes `block` for a block.
    pub(crate) fn new(threads: usize, block: Duration, random: ChaCha8Rng) -> Self {
        let (parts, queue) = mpsc::unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            tokio::spawn(work(Arc::clone(&queue), block));
        }
        Self { threads, parts, random }
    }
}

/// A thread: the oldest part, then the next.
async fn work(queue: Arc<Mutex<mpsc::UnboundedReceiver<Part>>>, block: Duration) {
    loop {
        let next = queue.lock().await.recv().await;
        let Some(mut part) = next else { return };
        while part.step() {
            tokio::time::sleep(block).await;
        }
        part.finish();
    }
}

impl Machine for SimMachine {
    fn threads(&self) -> usize {
        self.threads
    }

    fn compute(&mut self, part: Part) {
        self.parts.send(part).expect("the threads live as long as the machine");
    }

    fn load(&mut self) -> Load {
        Load::default()
    }

    fn random(&mut self) -> u128 {
        self.random.random()
    }
}
