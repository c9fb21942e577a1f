//! The running enforce object: tables in, verdicts, denials and counts out.

mod denial;
mod error;
mod tables;

pub use denial::{Denial, Tally};
pub use error::EnforceError;
pub use tables::{Fill, Installed};

use crate::enforce_skeleton::types::fb_enforce_bounds;
use crate::enforce_skeleton::{EnforceSkel, EnforceSkelBuilder};
use crate::features::Feature;
use crate::load::{self, active, cgroup2_root};
use crate::observe::LoadError;
use crate::programs::{self, ProgramSize};
use forebay_core::policy::table::{Answer, address_key, number, side};
use forebay_core::policy::{Direction, Protocol, Table};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, OpenObject, ProgramInput, RingBuffer};
use std::cell::RefCell;
use std::fs::File;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Denials of one reason and peer are told this often at most.
const DENIAL_INTERVAL_NS: u64 = 1_000_000_000;

/// A flow as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The subject, of [`Table::workload`].
    pub workload: u32,
    /// Out of it or into it.
    pub direction: Direction,
    /// The other end.
    pub peer: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination's port.
    pub port: u16,
}

/// Policy in the kernel. Nothing is pinned: dropping it ends all enforcement.
pub struct Enforce {
    // Dropped in this order: ring before links before the maps they use.
    ring: RingBuffer<'static>,
    waiting: Rc<RefCell<Vec<Denial>>>,
    links: Vec<Link>,
    skel: EnforceSkel<'static>,
    features: Vec<Feature>,
    revision: u32,
    /// Of the tables in force.
    cgroups: Option<MapHandle>,
}

impl Enforce {
    /// What this kernel can do, without loading anything.
    #[must_use]
    pub fn features() -> Vec<Feature> {
        load::probe_enforce()
    }

    /// Loads every program that this kernel can run; nothing is attached and no table stands.
    ///
    /// # Errors
    /// When the kernel refuses all of them.
    pub fn load() -> Result<Self, EnforceError> {
        let mut features = load::probe_enforce();
        let skel = load::settle(&mut features, open).map_err(|error| match error {
            LoadError::Load(refused)
                if refused.kind() == libbpf_rs::ErrorKind::PermissionDenied =>
            {
                EnforceError::Rights
            }
            other => EnforceError::Load(other),
        })?;
        let waiting = Rc::default();
        let mut enforce = Self {
            ring: denial::ring(&skel, Rc::clone(&waiting))?,
            waiting,
            links: Vec::new(),
            skel,
            features,
            revision: 0,
            cgroups: None,
        };
        enforce.set(|bss| bss.denial_interval_ns = DENIAL_INTERVAL_NS);
        Ok(enforce)
    }

    /// The table of programs as they are now.
    #[must_use]
    pub fn table(&self) -> &[Feature] {
        &self.features
    }

    /// Puts tables in force, all at once, with the workloads of these control groups. Programs judge
    /// by the old ones until the new ones are complete; after an error the old ones hold.
    ///
    /// # Errors
    /// When a table is larger than its bound, or the kernel lacks memory for it.
    pub fn install(
        &mut self,
        table: &Table,
        cgroups: &[(u64, u32)],
    ) -> Result<Installed, EnforceError> {
        let mut next = self.revision.wrapping_add(1);
        if next == 0 {
            // 0 means that none stands; the slot must still be the other one.
            next = 2;
        }
        let (installed, known) = tables::fill(&self.skel, next, table, cgroups)?;
        self.cgroups = Some(known);
        self.revision = next;
        self.set(|bss| {
            let revision = &raw mut bss.revision;
            // SAFETY: the kernel only reads this aligned word of the shared page; we are its only
            // writer.
            unsafe { revision.write_volatile(next) };
        });
        Ok(installed)
    }

    /// Which tables hold; a denial names those that refused.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// A control group of a workload has come, under the tables in force.
    ///
    /// # Errors
    /// When no tables stand, or the kernel's table of control groups is full.
    pub fn bind(&mut self, cgroup_id: u64, workload: u32) -> Result<(), EnforceError> {
        let known = self.cgroups.as_ref().ok_or(EnforceError::NoTables)?;
        let (key, value) = (cgroup_id.to_ne_bytes(), workload.to_ne_bytes());
        known
            .update(&key, &value, MapFlags::ANY)
            .map_err(|error| EnforceError::Write {
                map: "cgroups",
                error,
            })
    }

    /// Judges what sockets under a control group begin.
    ///
    /// # Errors
    /// When it is no control group or the root of all, or the kernel refuses.
    pub fn attach_cgroup(&mut self, path: &Path) -> Result<(), EnforceError> {
        let wrong = |error| EnforceError::Cgroup {
            path: path.to_owned(),
            error,
        };
        let group = File::open(path).map_err(wrong)?;
        let here = group.metadata().map_err(wrong)?;
        let root = cgroup2_root().and_then(|root| root.metadata().ok());
        if root.is_some_and(|root| (root.dev(), root.ino()) == (here.dev(), here.ino())) {
            return Err(EnforceError::Root);
        }
        let fd = group.as_raw_fd();
        let progs = &self.skel.progs;
        let hooks = [
            ("connect4", &progs.connect4),
            ("connect6", &progs.connect6),
            ("sendmsg4", &progs.sendmsg4),
            ("sendmsg6", &progs.sendmsg6),
        ];
        let mut links = Vec::new();
        for (program, hook) in hooks {
            // With one of them off, whatever it would judge would go out.
            self.needs(program)?;
            let link = hook.attach_cgroup(fd);
            links.push(link.map_err(|error| EnforceError::Attach { program, error })?);
        }
        self.links.append(&mut links);
        Ok(())
    }

    /// Judges what arrives in a network namespace, of which this is the file. It must be a workload's:
    /// what arrives there for an address that no workload has is refused.
    ///
    /// # Errors
    /// When it is our own namespace or the host's, or the kernel refuses.
    pub fn attach_netns(&mut self, netns: &File) -> Result<(), EnforceError> {
        let of = |file: &File| file.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
        let others = ["/proc/self/ns/net", "/proc/1/ns/net"];
        let mut others = others.iter().filter_map(|path| File::open(path).ok());
        if others.any(|other| of(&other) == of(netns)) {
            return Err(EnforceError::HostNetwork);
        }
        let program = "socket_lookup";
        self.needs(program)?;
        let hook = &self.skel.progs.socket_lookup;
        let link = hook.attach_netns(netns.as_raw_fd());
        self.links
            .push(link.map_err(|error| EnforceError::Attach { program, error })?);
        Ok(())
    }

    /// Ends all enforcement; the tables stay, for who attaches again.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// What the hooks' own code says of flows that nobody sends.
    ///
    /// # Errors
    /// When this kernel can't, or refuses.
    pub fn judge(&mut self, questions: &[Question]) -> Result<Vec<Answer>, EnforceError> {
        self.needs("judge_rows")?;
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(fb_enforce_bounds::FB_ROWS_MAX.0 as usize) {
            self.judge_some(some, &mut answers)?;
        }
        Ok(answers)
    }

    fn judge_some(
        &mut self,
        questions: &[Question],
        answers: &mut Vec<Answer>,
    ) -> Result<(), EnforceError> {
        let count = questions.len() as u32;
        let keys: Vec<u8> = (0..count).flat_map(u32::to_ne_bytes).collect();
        let values: Vec<u8> = questions.iter().flat_map(row).collect();
        self.set(|bss| bss.rows_asked = count);
        let wrong = |error: libbpf_rs::Error| EnforceError::Judge(error.to_string());
        let rows = &self.skel.maps.rows;
        rows.update_batch(&keys, &values, count, MapFlags::ANY, MapFlags::ANY)
            .map_err(wrong)?;
        self.rejudge()?;
        for place in 0..count {
            let row = rows
                .lookup(&place.to_ne_bytes(), MapFlags::ANY)
                .map_err(wrong)?;
            let row = row.as_deref().and_then(|row| row.get(24..28));
            let verdict = row.and_then(|bytes| Some(u32::from_ne_bytes(bytes.try_into().ok()?)));
            let gone = || EnforceError::Judge("it gave no answer".to_owned());
            answers.push(Answer::of(verdict.ok_or_else(gone)?));
        }
        Ok(())
    }

    /// Judges the last questions once more, at most 4,096; gives the time that it took in the kernel.
    ///
    /// # Errors
    /// When this kernel can't, or refuses.
    pub fn rejudge(&self) -> Result<Duration, EnforceError> {
        // The kernel wants a packet; nobody looks at it.
        let mut input = ProgramInput::default();
        let packet = [0; 64];
        input.data_in = Some(&packet);
        let ran = self.skel.progs.judge_rows.test_run(input);
        let ran = ran.map_err(|error| EnforceError::Judge(error.to_string()))?;
        Ok(ran.duration)
    }

    fn needs(&self, program: &str) -> Result<(), EnforceError> {
        let off = self
            .features
            .iter()
            .find(|f| f.program == program && !f.active);
        off.map_or(Ok(()), |off| {
            Err(EnforceError::Off {
                program: off.program.clone(),
                reason: off.reason.clone(),
            })
        })
    }

    /// What every loaded program took to verify and takes in memory.
    #[must_use]
    pub fn sizes(&self) -> Vec<ProgramSize> {
        let progs = &self.skel.progs;
        [
            programs::size("connect4", &progs.connect4),
            programs::size("connect6", &progs.connect6),
            programs::size("sendmsg4", &progs.sendmsg4),
            programs::size("sendmsg6", &progs.sendmsg6),
            programs::size("socket_lookup", &progs.socket_lookup),
            programs::size("judge_rows", &progs.judge_rows),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What refused connects and sends get; without it EPERM.
    pub fn refuse_with(&mut self, errno: i32) {
        self.set(|bss| bss.refusal_errno = errno.unsigned_abs());
    }

    /// Denials since the last call, oldest first.
    pub fn denials(&mut self) -> Vec<Denial> {
        self.ring.consume_raw();
        std::mem::take(&mut self.waiting.borrow_mut())
    }

    /// What was judged since the programs were loaded.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::read(&self.skel.maps.tally)
    }

    fn set(&mut self, change: impl FnOnce(&mut crate::enforce_skeleton::types::bss)) {
        if let Some(bss) = self.skel.maps.bss_data.as_deref_mut() {
            change(bss);
        }
    }
}

/// The number by which programs know a control group.
///
/// # Errors
/// When there is no such folder.
pub fn cgroup_id(path: &Path) -> Result<u64, EnforceError> {
    // On the file system of control groups it is the inode's, on 64-bit kernels.
    let meta = std::fs::metadata(path).map_err(|error| EnforceError::Cgroup {
        path: path.to_owned(),
        error,
    })?;
    Ok(meta.ino())
}

/// As `struct fb_row`.
fn row(question: &Question) -> [u8; 32] {
    let mut row = [0; 32];
    row[..16].copy_from_slice(&address_key(question.peer).to_be_bytes());
    row[16..20].copy_from_slice(&question.workload.to_ne_bytes());
    row[20..22].copy_from_slice(&question.port.to_ne_bytes());
    row[22] = number(question.protocol);
    row[23] = side(question.direction) as u8;
    row
}

fn open(features: &[Feature]) -> Result<EnforceSkel<'static>, libbpf_rs::Error> {
    // The object lives as long as the process: it is loaded once, or once per fallback.
    let storage: &'static mut MaybeUninit<OpenObject> = Box::leak(Box::new(MaybeUninit::uninit()));
    let mut open = EnforceSkelBuilder::default().open(storage)?;
    for mut program in open.open_object_mut().progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        program.set_autoload(active(features, &name));
    }
    open.load()
}

/// A descriptor as values of a map of maps have it.
fn reference(fd: BorrowedFd<'_>) -> [u8; 4] {
    fd.as_raw_fd().to_ne_bytes()
}

fn of_slot(map: &MapHandle) -> [u8; 4] {
    reference(map.as_fd())
}
