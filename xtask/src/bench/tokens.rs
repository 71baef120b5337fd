//! How many tokens a thousand requests take.

use anyhow::Result;
use sandbox::certificate::Identity;

use super::faces::Face;
use super::load;
use super::served::connect;
use super::targets::{self, Credential, Life};
use super::upstream::{Content, Upstream};

const REQUESTS: usize = 1000;

/// How many requests are on their way at once.
pub const AT_ONCE: [usize; 3] = [1, 8, 32];

/// The tokens of one face.
pub struct Tokens {
    pub face: usize,
    pub life: Life,
    /// For each of [`AT_ONCE`].
    pub counts: [usize; 3],
}

/// Counts.
pub fn measure(faces: &[Face], upstream: &Upstream, identity: &Identity) -> Result<Vec<Tokens>> {
    let mut all = Vec::new();
    for (index, face) in faces.iter().enumerate() {
        for life in [Life::ManyRequests, Life::OneRequest] {
            let mut counts = [0; 3];
            for (count, at_once) in counts.iter_mut().zip(AT_ONCE) {
                let gateway = targets::gateway(&face.component, upstream, identity, life, Credential::Secret)?;
                let before = upstream.tokens();
                send(&gateway.origin, at_once)?;
                *count = upstream.tokens() - before;
            }
            all.push(Tokens {
                face: index,
                life,
                counts,
            });
        }
    }
    Ok(all)
}

fn send(origin: &str, at_once: usize) -> Result<()> {
    // Only an answer that takes its time keeps all of them on their way.
    let path = Content::SLOW.path();
    load::runtime()?.block_on(async {
        let tasks: Vec<_> = (0..at_once)
            .map(|task| {
                let (origin, path) = (origin.to_owned(), path.clone());
                let requests = (REQUESTS + task) / at_once;
                tokio::spawn(async move {
                    let mut sender = connect(&origin).await?;
                    for _ in 0..requests {
                        load::get(&mut sender, &origin, &path).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}
