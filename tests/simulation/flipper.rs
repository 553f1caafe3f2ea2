//! A worker whose processor computes wrongly: bits of its reports are flipped on their way to the
//! coordinator.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use carlo_kernel::Partial;
use carlo_types::Merge;
use carlo_wire::v1::worker_message::Message as FromWorker;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::plan::{Broken, Flips};
use crate::proxy::{self, Meddler};
use crate::world::World;

/// The name of the host between the broken worker and the coordinators.
pub(crate) const HOST: &str = "flipper";

/// The flipper's main task.
pub(crate) async fn run(world: Arc<World>, broken: Broken) -> turmoil::Result {
    let random = Arc::new(Mutex::new(world.random("flips", 0)));
    let shared = Arc::clone(&world);
    let flipper = move || Flipper { world: Arc::clone(&shared), broken, random: Arc::clone(&random) };
    proxy::run(world, flipper).await
}

struct Flipper {
    world: Arc<World>,
    broken: Broken,
    random: Arc<Mutex<ChaCha8Rng>>,
}

impl Meddler for Flipper {
    fn worker_says(&mut self, message: FromWorker) -> Vec<FromWorker> {
        let FromWorker::Report(mut report) = message else { return vec![message] };
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let flips = match self.broken.flips {
            Flips::Sometimes => random.random_ratio(1, 4),
            Flips::From(begin) => turmoil::sim_elapsed().is_some_and(|now| now >= begin),
        };
        if flips {
            flip(&mut report.partial, &mut random);
            self.world.flipped.fetch_add(1, Ordering::Relaxed);
            if let Some(lease) = &report.lease {
                self.world
                    .trace
                    .note(format_args!("a bit of the report of {}/{} flips", lease.epoch, lease.id));
            }
        }
        vec![FromWorker::Report(report)]
    }
}

/// Flips a bit so that the bytes are those of another partial result of as many simulations. Most
/// flips would be noticed when the report is decoded.
fn flip(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let Ok(right) = Partial::decode(bytes) else { return };
    loop {
        let (place, bit) = (random.random_range(0..bytes.len()), 1 << random.random_range(0..8_u8));
        bytes[place] ^= bit;
        let is_another = |partial: Partial| {
            partial != right && partial.simulations() == right.simulations() && right.fits(&partial)
        };
        if Partial::decode(bytes).is_ok_and(is_another) {
            return;
        }
        bytes[place] ^= bit;
    }
}
