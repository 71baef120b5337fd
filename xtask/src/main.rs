//! The project's development tasks.

mod bench;
mod check;
mod demo;
mod deny;
mod fuzz;
mod sandbox;
mod up;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use embedded_host::Component;
use xtask::build::{self, Output};
use xtask::soak::{self, Plan, Through};
use xtask::{package, setup};

/// The project's development tasks. Each installs missing prerequisites.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the components and say where they are.
    Build,
    /// Run the main scenario once: build the component, start the sandbox, and read and write rows with a
    /// certificate.
    Demo,
    /// Serve the sandbox, a local Entra ID and Dataverse, until Ctrl-C.
    Sandbox {
        /// Where to listen. The sandbox checks credentials like the real services, but it is intended for
        /// loopback.
        #[arg(long, default_value = "127.0.0.1:8365")]
        listen: SocketAddr,
        /// Serve over TLS, with a certificate from an authority that is made at the start.
        #[arg(long)]
        tls: bool,
        /// The origin in audiences, links and challenges, where clients come through a proxy, as in `https://crm.example`.
        #[arg(long)]
        origin: Option<String>,
        /// Accept each client assertion only once. MSAL sends one until it expires.
        #[arg(long)]
        refuse_replayed_assertions: bool,
    },
    /// Serve the gateway in front of a sandbox, until Ctrl-C.
    Up {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
    },
    /// Measure the gateway against a native reverse proxy and a component that only relays, and print a table.
    Bench {
        /// What to measure; everything, if nothing is named.
        parts: Vec<bench::Part>,
    },
    /// Make the files to publish, in `dist/`: built twice to the same bytes, made smaller with wasm-opt, and tested.
    Package,
    /// Search for inputs that make a parser panic. Needs a nightly toolchain and cargo-fuzz.
    Fuzz {
        /// The seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only this one; the targets are the folders of `fuzz/corpus/`.
        #[arg(long)]
        target: Option<String>,
    },
    /// Read and write while the sandbox misbehaves, and check that the effect of every write matches its
    /// result.
    Soak {
        /// Through the gateway of both faces, over HTTP; callers also upload files, and disconnect early.
        #[arg(long)]
        gateway: bool,
        /// The total number of calls.
        #[arg(long, default_value_t = 10_000)]
        calls: u32,
        /// The seed of the random numbers.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run every check: format, lints, documentation, tests.
    Test,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    match task {
        Task::Build => {
            setup::install()?;
            build::everything(Output::Shown)
        }
        Task::Demo => demo::run(&component()?),
        Task::Sandbox {
            listen,
            tls,
            origin,
            refuse_replayed_assertions,
        } => sandbox::serve(|config| {
            config.listen = *listen;
            config.tls = *tls;
            config.origin = origin.clone();
            config.refuse_replayed_assertions = *refuse_replayed_assertions;
        }),
        Task::Up { listen } => up::serve(&component()?, *listen),
        Task::Bench { parts } => {
            setup::install()?;
            bench::run(parts)
        }
        Task::Package => {
            setup::install()?;
            setup::install_checkers()?;
            setup::install_optimizer()?;
            package::run()
        }
        Task::Fuzz { seconds, target } => fuzz::run(*seconds, target.as_deref()),
        Task::Soak { gateway, calls, seed } => {
            let mut components = vec![component()?];
            if *gateway {
                components.push(build::wasi03(Output::Shown)?);
            }
            for component in components {
                println!("== {}", component.display());
                let plan = Plan {
                    through: if *gateway { Through::Gateway } else { Through::Functions },
                    calls: *calls,
                    callers: 8,
                    seed: *seed,
                };
                print!("{}", soak::run(&Component::load(&component)?, plan)?);
            }
            Ok(())
        }
        Task::Test => {
            setup::install()?;
            setup::install_checkers()?;
            check::everything()
        }
    }
}

/// Builds the component, installs what that needs, and returns its path.
fn component() -> Result<PathBuf> {
    setup::install()?;
    build::component(Output::Shown)
}

/// Waits for Ctrl-C.
fn until_ctrl_c() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(tokio::signal::ctrl_c())?)
}
