//! The table, and what it says about the goals.

use std::time::Duration;

use super::memory::Bulk;
use super::proxy::Reach;
use super::signing::Signing;
use super::startup::Startup;
use super::targets::{Credential, Kind, Life};
use super::tokens::{AT_ONCE, Tokens};
use super::{Measured, findings};

/// The native proxy that bounds all.
pub const LIMIT: Kind = Kind::Native(Reach::Pooled);

/// All that was measured. What was not asked for is empty.
pub struct Report {
    pub faces: Vec<FaceNumbers>,
    /// The columns.
    pub targets: Vec<Kind>,
    pub loads: Vec<Measured>,
    pub tokens: Vec<Tokens>,
    pub bulk: Vec<Bulk>,
    pub signing: Option<Signing>,
}

/// What was measured of one face alone.
pub struct FaceNumbers {
    pub name: &'static str,
    /// Of the component, in bytes.
    pub size: u64,
    pub compiling: Duration,
    pub startup: Option<Startup>,
}

/// The gateway with a certificate, as hosts run it unless told otherwise.
pub fn fresh(face: usize) -> Kind {
    Kind::Gateway(face, Life::OneRequest, Credential::Certificate)
}

/// The gateway with a token at hand.
pub fn reused(face: usize) -> Kind {
    Kind::Gateway(face, Life::ManyRequests, Credential::Certificate)
}

impl Report {
    /// Prints the table, and below it what it says.
    pub fn print(&self) {
        for line in lines(&self.table()) {
            println!("{line}");
        }
        println!();
        for sentence in findings::sentences(self) {
            println!("{sentence}");
        }
    }

    /// Half of a target's answers under a load took no longer than this.
    pub fn p50(&self, measured: &Measured, target: Kind) -> Duration {
        let column = self.targets.iter().position(|kind| *kind == target);
        let samples = column.and_then(|column| measured.samples.get(column));
        samples.map(|samples| samples.percentile(50)).unwrap_or_default()
    }

    fn table(&self) -> Vec<Vec<String>> {
        let mut rows: Vec<_> = (0..3).map(|line| self.header(line)).collect();
        rows.push(Vec::new());
        for measured in &self.loads {
            rows.extend(self.load_rows(measured));
            rows.push(Vec::new());
        }
        rows.extend(self.token_rows());
        for bulk in &self.bulk {
            rows.extend(self.bulk_rows(bulk));
        }
        rows.push(Vec::new());
        rows.extend(self.start_rows());
        rows
    }

    fn header(&self, line: usize) -> Vec<String> {
        let faces: Vec<_> = self.faces.iter().map(|face| face.name).collect();
        let mut row = vec![String::new(), String::new()];
        row.extend(self.targets.iter().map(|target| target.column(&faces)[line].to_owned()));
        row
    }

    fn load_rows(&self, measured: &Measured) -> [Vec<String>; 4] {
        let (limit, name) = (self.p50(measured, LIMIT), measured.name());
        let row = |name: &str, unit: &str, cell: &dyn Fn(&super::Samples) -> String| {
            let mut row = vec![name.to_owned(), unit.to_owned()];
            row.extend(measured.samples.iter().map(cell));
            row
        };
        [
            row(&name, "p50, ms", &|samples| millis(samples.percentile(50))),
            row("", "p50 / native", &|samples| {
                format!("{:.2}", samples.percentile(50).as_secs_f64() / limit.as_secs_f64())
            }),
            row("", "p99, ms", &|samples| millis(samples.percentile(99))),
            row("", "requests/s", &|samples| format!("{:.0}", samples.rate())),
        ]
    }

    fn token_rows(&self) -> Vec<Vec<String>> {
        let row = |(place, at_once): (usize, &usize)| {
            let cell = |tokens: &Tokens| {
                let column = Kind::Gateway(
                    tokens.face,
                    tokens.life,
                    match tokens.life {
                        Life::ManyRequests => Credential::Certificate,
                        Life::OneRequest => Credential::Secret,
                    },
                );
                (column, tokens.counts[place].to_string())
            };
            let cells: Vec<_> = self.tokens.iter().map(cell).collect();
            self.row(&format!("1000 requests, {at_once} at once"), "tokens", &cells)
        };
        let mut rows: Vec<_> = AT_ONCE.iter().enumerate().map(row).collect();
        rows.push(Vec::new());
        rows.retain(|_| !self.tokens.is_empty());
        rows
    }

    fn bulk_rows(&self, bulk: &Bulk) -> [Vec<String>; 2] {
        let mut speeds = vec![(LIMIT, speed(bulk.native))];
        speeds.extend(bulk.floor.map(|floor| (Kind::Floor(Life::OneRequest), speed(floor))));
        let mut peaks = Vec::new();
        for (face, through) in bulk.gateways.iter().enumerate() {
            speeds.push((fresh(face), speed(through.time)));
            peaks.push((fresh(face), format!("{:.1}", mebibytes(through.peak_memory))));
        }
        [
            self.row(&bulk.name(), "MB/s", &speeds),
            self.row("", "peak linear memory, MiB", &peaks),
        ]
    }

    fn start_rows(&self) -> Vec<Vec<String>> {
        let cells = |cell: &dyn Fn(usize, &FaceNumbers) -> Option<(Kind, String)>| -> Vec<_> {
            let faces = self.faces.iter().enumerate();
            faces.filter_map(|(index, face)| cell(index, face)).collect()
        };
        let startup = |of: fn(&Startup) -> Duration| {
            cells(&|index, face| Some((fresh(index), millis(of(face.startup.as_ref()?)))))
        };
        let mut healthz = startup(|startup| startup.instance);
        healthz.extend(cells(&|index, face| {
            Some((reused(index), millis(face.startup.as_ref()?.reused)))
        }));
        let signing = self.signing.as_ref().map(|signing| {
            let cells = [(LIMIT, millis(signing.native)), (fresh(0), millis(signing.component))];
            self.row("RSA-2048 PS256", "p50, ms", &cells)
        });
        let mut rows = Vec::new();
        if let Some(signing) = signing {
            rows.push(self.row("start to first answer", "p50, ms", &startup(|startup| startup.server)));
            rows.push(self.row("GET /healthz", "p50, ms", &healthz));
            rows.push(signing);
        }
        let size = cells(&|index, face| Some((fresh(index), face.size.div_ceil(1000).to_string())));
        rows.push(self.row("component", "kB", &size));
        let compiling = cells(&|index, face| Some((fresh(index), format!("{:.1}", face.compiling.as_secs_f64()))));
        rows.push(self.row("compiling it", "s", &compiling));
        rows
    }

    /// A row with a few cells.
    fn row(&self, name: &str, unit: &str, cells: &[(Kind, String)]) -> Vec<String> {
        let mut row = vec![name.to_owned(), unit.to_owned()];
        row.extend(self.targets.iter().map(|target| {
            let cell = cells.iter().find(|(kind, _)| kind == target);
            cell.map_or_else(|| "-".to_owned(), |(_, text)| text.clone())
        }));
        row
    }
}

/// The rows with their cells under each other: two columns of text, and numbers.
fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// So many milliseconds.
pub fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

/// So many megabytes in a second, of 1 GiB.
pub fn megabytes(time: Duration) -> f64 {
    f64::from(1 << 30) / 1e6 / time.as_secs_f64()
}

fn speed(time: Duration) -> String {
    format!("{:.0}", megabytes(time))
}

/// So many MiB.
pub fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
