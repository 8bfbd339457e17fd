//! One wheel from the index: continued where it was cut, and whole only when its hash is right.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    super::{error::SetupError, home::Home, lock::hex_digest},
    Index,
    http::{Failed, Sink},
    page::Wheel,
};
use crate::{
    cancel::Cancel,
    digest::hex,
    progress::{Progress, Step},
};

/// Larger than this is no wheel of plain Python files.
const LARGEST: u64 = 1 << 30;

/// The hashes of which a wheel must have one, and who promised them: the lock file or the index.
pub(in crate::environment) struct Promised<'a> {
    pub(in crate::environment) hashes: Vec<&'a str>,
    pub(in crate::environment) by: &'a str,
}

impl Index<'_> {
    /// The wheel as a file in the home that holds only the promised bytes. Whoever calls removes it.
    ///
    /// What comes lies under the name of the hash, so that the next call goes on with it, whichever
    /// index it asks.
    pub(in crate::environment) fn fetch(
        &self,
        home: &Home,
        wheel: &Wheel,
        promised: &Promised<'_>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<PathBuf, SetupError> {
        let key = wheel.sha256.clone().unwrap_or_else(|| hex_digest(&promised.hashes));
        let name = format!("wheel-{key}");
        let _lock = home.lock(&name, progress, cancel)?;
        let path = home.path().join(format!("{name}.part"));
        // What was continued may have been another file's beginning: once more from nothing.
        let mut found = String::new();
        for _ in 0..2 {
            let mut part = Part::open(&path, wheel.size, &wheel.name)?;
            let continued = 0 < part.length;
            let step = format!("{}, bytes", wheel.name);
            {
                let step = Step::start(progress, &step, wheel.size);
                step.advance(part.length);
                if wheel.size != Some(part.length) {
                    let mut sink = Counted { part: &mut part, step: &step };
                    let fetched = self.http.file(&wheel.url, cancel, &mut sink);
                    fetched.map_err(|err| self.failed(err, &wheel.name))?;
                }
            }
            found = part.finish()?;
            if promised.hashes.contains(&found.as_str()) {
                return Ok(path);
            }
            fs::remove_file(&path).map_err(SetupError::io("remove", &path))?;
            if !continued {
                break;
            }
        }
        let (promises, by) = (promised.hashes.join(" or "), promised.by);
        Err(SetupError::Hash {
            tail: format!(
                "{} from {} has sha256 {found}, {by} promises {promises}",
                wheel.name,
                self.place.shown(),
            ),
        })
    }
}

/// The beginning of a file, with its hash so far.
struct Part {
    file: File,
    path: PathBuf,
    length: u64,
    hash: Sha256,
    size: Option<u64>,
}

impl Part {
    /// What an earlier attempt left; nothing, where that cannot be the beginning.
    fn open(path: &Path, size: Option<u64>, name: &str) -> Result<Self, SetupError> {
        if let Some(size) = size.filter(|it| LARGEST < *it) {
            return Err(SetupError::Damaged {
                tail: format!("{name}: the index says that it has {size} bytes"),
            });
        }
        let failed = || SetupError::io("write", path);
        let file = File::options().create(true).read(true).append(true).open(path);
        let file = file.map_err(failed())?;
        let mut part = Self { file, path: path.to_owned(), length: 0, hash: Sha256::new(), size };
        let length = part.file.metadata().map_err(failed())?.len();
        if size.is_some_and(|it| it < length) {
            part.restart()?;
            return Ok(part);
        }
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = part.file.read(&mut buffer).map_err(SetupError::io("read", path))?;
            if count == 0 {
                return Ok(part);
            }
            part.hash.update(&buffer[..count]);
            part.length += count as u64;
        }
    }

    fn finish(self) -> Result<String, SetupError> {
        self.file.sync_all().map_err(SetupError::io("write", &self.path))?;
        Ok(hex(&self.hash.finalize()))
    }
}

impl Sink for Part {
    fn length(&self) -> u64 {
        self.length
    }

    fn restart(&mut self) -> Result<(), SetupError> {
        self.file.set_len(0).map_err(SetupError::io("write", &self.path))?;
        self.length = 0;
        self.hash = Sha256::new();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let length = self.length + bytes.len() as u64;
        if self.size.unwrap_or(LARGEST) < length {
            let most = self.size.unwrap_or(LARGEST);
            return Err(Failed::Answer(format!(
                "it is longer than the {most} bytes that it may have"
            )));
        }
        let written = self.file.write_all(bytes).map_err(SetupError::io("write", &self.path));
        written.map_err(|err| Failed::Disk(Box::new(err)))?;
        self.hash.update(bytes);
        self.length = length;
        Ok(())
    }

    fn ended(&self) -> Result<(), Failed> {
        match self.size {
            Some(size) if self.length < size => {
                Err(Failed::Unreachable(format!("it ended after {} of {size} bytes", self.length)))
            }
            _ => Ok(()),
        }
    }
}

/// A part whose growth is told.
struct Counted<'a, 'b> {
    part: &'a mut Part,
    step: &'a Step<'b>,
}

impl Sink for Counted<'_, '_> {
    fn length(&self) -> u64 {
        self.part.length()
    }

    fn restart(&mut self) -> Result<(), SetupError> {
        self.part.restart()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.part.append(bytes)?;
        self.step.advance(bytes.len() as u64);
        Ok(())
    }

    fn ended(&self) -> Result<(), Failed> {
        self.part.ended()
    }
}
