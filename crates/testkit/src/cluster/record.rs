//! What is written down of a cluster, so that others find it and can remove it.

use std::fs;
use std::path::{Path, PathBuf};

use ferromesh_chassis::Failure;
use serde_json::{Value, json};

use super::at;
use super::place::{self, Place};
use super::processes::Process;

/// A cluster that was started, whether it runs or not.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it is.
    pub place: Place,
    /// The first of its processes.
    pub leader: Process,
}

const FILE: &str = "cluster.json";

impl Record {
    /// Writes it down.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self) -> Result<(), Failure> {
        let Self { place, leader } = self;
        let text = json!({
            "number": place.number,
            "programs": place.programs,
            "leader": leader.id,
            "began": leader.began,
        });
        let path = place.folder.join(FILE);
        // Whoever reads in this moment sees the old or the new one.
        let new = place.folder.join("cluster.new");
        fs::write(&new, text.to_string()).map_err(at(&new))?;
        fs::rename(&new, &path).map_err(at(&path))
    }

    /// Reads what is written of the cluster with this name; nothing, if there is none.
    ///
    /// # Errors
    /// When the name can't be one.
    pub fn read(name: &str) -> Result<Option<Self>, Failure> {
        let folder = place::folder(name)?;
        Ok(parse(name, &folder))
    }

    /// All clusters of this machine.
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir(place::clusters())
            .into_iter()
            .flatten()
            .flatten();
        let mut all: Vec<_> = entries
            .filter_map(|entry| parse(entry.file_name().to_str()?, &entry.path()))
            .collect();
        all.sort_by_key(|record| record.place.number);
        all
    }
}

fn parse(name: &str, folder: &Path) -> Option<Record> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let number = |key: &str| value[key].as_u64();
    Some(Record {
        place: Place {
            name: name.to_owned(),
            number: number("number")?.try_into().ok()?,
            folder: folder.to_owned(),
            programs: PathBuf::from(value["programs"].as_str()?),
        },
        leader: Process {
            id: number("leader")?.try_into().ok()?,
            began: number("began")?,
        },
    })
}
