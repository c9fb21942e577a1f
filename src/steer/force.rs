//! Policy in force: tables in the kernel, attached where the workloads are, following what comes and goes.

use super::groups::{self, Group};
use crate::show::policy::PolicyError;
use forebay_core::policy::read::Files;
use forebay_core::policy::{
    Direction, End, Flow, Judge, Protocol, Settings, Side, Table, Who, World, unmapped,
};
use forebay_kernel::{Denial, Enforce, Tally, cgroup2_root};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// How to enforce.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The node that this host is; without it, workloads of every node are subjects.
    pub node: Option<String>,
    /// What the APIs leave open.
    pub settings: Settings,
    /// Control groups to attach to, from the hierarchy's root; none: the topmost above the workloads.
    pub attach: Vec<PathBuf>,
    /// What a refused connect or send gets; without it EPERM.
    pub refusal_errno: Option<i32>,
}

/// What is policed now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Control groups that programs are attached to.
    pub attached: BTreeSet<PathBuf>,
    /// Workloads with a control group here: name → control groups.
    pub workloads: BTreeMap<String, usize>,
    /// Networks of workloads in which arrivals are judged.
    pub networks: usize,
    /// Workloads whose arrivals can't be judged: their processes are in the host's network.
    pub shared: BTreeSet<String>,
    /// Workloads whose arrivals can't be judged: they have a network of their own, and the files do not
    /// say by which address they are known there.
    pub unplaced: BTreeSet<String>,
}

/// A denial with its reason.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What the kernel told.
    pub denial: Denial,
    /// The workload it is about.
    pub workload: String,
    /// Who is at the other end.
    pub peer: String,
    /// The reason with the nearest rule, where the policies in force still say the same.
    pub side: Option<Side>,
    /// The reason in words.
    pub reason: String,
}

/// Policy in the kernel. Dropping it ends all enforcement.
pub struct Force {
    enforce: Enforce,
    root: PathBuf,
    host: Vec<u64>,
    options: Options,
    files: Files,
    table: Table,
    /// The tables before these, for denials that were on their way.
    before: Option<(u32, Table)>,
    bound: BTreeMap<u64, u32>,
    networks: BTreeSet<u64>,
    scope: Scope,
}

impl Force {
    /// Puts the policies of these files in force.
    ///
    /// # Errors
    /// When the kernel can't, or there is nobody here whom they could be about.
    pub fn start(files: Files, options: Options) -> Result<Force, PolicyError> {
        let root = cgroup2_root().ok_or(PolicyError::NoCgroup2)?;
        let mut enforce = Enforce::load()?;
        if let Some(errno) = options.refusal_errno {
            enforce.refuse_with(errno);
        }
        let table = compile(&files, &options);
        let mut force = Force {
            enforce,
            root,
            host: groups::host_networks(),
            options,
            files,
            table,
            before: None,
            bound: BTreeMap::new(),
            networks: BTreeSet::new(),
            scope: Scope::default(),
        };
        let groups = force.install()?;
        force.cover(&groups)?;
        Ok(force)
    }

    /// Puts other policies in force, all at once. After an error the old ones hold.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn replace(&mut self, files: Files) -> Result<(), PolicyError> {
        let old_files = std::mem::replace(&mut self.files, files);
        let table = compile(&self.files, &self.options);
        let old_table = std::mem::replace(&mut self.table, table);
        let revision = self.enforce.revision();
        match self.install() {
            Err(error) => {
                (self.files, self.table) = (old_files, old_table);
                Err(error)
            }
            Ok(groups) => {
                self.before = Some((revision, old_table));
                self.cover(&groups).map(drop)
            }
        }
    }

    fn install(&mut self) -> Result<Vec<Group>, PolicyError> {
        let (groups, bound) = self.groups()?;
        let entries: Vec<(u64, u32)> = bound.iter().map(|(id, number)| (*id, *number)).collect();
        self.enforce.install(&self.table, &entries)?;
        self.bound = bound;
        Ok(groups)
    }

    fn groups(&self) -> Result<(Vec<Group>, BTreeMap<u64, u32>), PolicyError> {
        let world = &self.files.world;
        let groups = groups::find(&self.root, world).map_err(|source| PolicyError::Read {
            file: self.root.display().to_string(),
            source,
        })?;
        let number = |group: &Group| {
            let workload = &world.workloads[group.workload];
            let number = self.table.workload(&workload.namespace, &workload.name);
            number.map(|number| (group.id, number))
        };
        let bound = groups.iter().filter_map(number).collect();
        Ok((groups, bound))
    }

    /// Looks who has come: binds new control groups and attaches to new networks. `true`: something
    /// changed.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn follow(&mut self) -> Result<bool, PolicyError> {
        let (groups, bound) = self.groups()?;
        for (id, number) in &bound {
            if self.bound.get(id) != Some(number) {
                self.enforce.bind(*id, *number)?;
            }
        }
        self.bound = bound;
        self.cover(&groups)
    }

    /// Attaches above these groups and to the networks of their processes. `true`: something changed.
    fn cover(&mut self, groups: &[Group]) -> Result<bool, PolicyError> {
        let mut scope = Scope {
            attached: self.scope.attached.clone(),
            ..Scope::default()
        };
        let mut networks = BTreeSet::new();
        for group in groups {
            self.attach(group, &mut scope)?;
            let workload = &self.files.world.workloads[group.workload];
            let (name, placed) = (workload.to_string(), !workload.addresses.is_empty());
            *scope.workloads.entry(name.clone()).or_default() += 1;
            let (own, shares) = groups::networks(&self.root, group, &self.host);
            if !placed && !own.is_empty() {
                // All that arrives for addresses of nobody would be refused.
                scope.unplaced.insert(name.clone());
            }
            for (number, file) in own.into_iter().filter(|_| placed) {
                if !self.networks.contains(&number) && !networks.contains(&number) {
                    self.enforce.attach_netns(&file)?;
                }
                networks.insert(number);
            }
            if shares {
                scope.shared.insert(name);
            }
        }
        // The number of a network that is gone may come again.
        self.networks = networks;
        scope.networks = self.networks.len();
        let changed = scope != self.scope;
        self.scope = scope;
        Ok(changed)
    }

    /// High in the tree: sockets keep the group of their birth, and the kernel finds the workload.
    fn attach(&mut self, group: &Group, scope: &mut Scope) -> Result<(), PolicyError> {
        let places = if self.options.attach.is_empty() {
            let top = group.path[1..].split('/').next().unwrap_or_default();
            vec![PathBuf::from(top)]
        } else {
            self.options.attach.clone()
        };
        for place in places {
            let inside = place.strip_prefix("/").unwrap_or(&place).to_owned();
            if !scope.attached.contains(&inside) {
                self.enforce.attach_cgroup(&self.root.join(&inside))?;
                scope.attached.insert(inside);
            }
        }
        Ok(())
    }

    /// What is policed now.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The files in force.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What was judged so far.
    pub fn tally(&self) -> Tally {
        self.enforce.tally()
    }

    /// Denials since the last call, oldest first.
    pub fn denials(&mut self) -> Vec<Refused> {
        let denials = self.enforce.denials();
        let current = self.enforce.revision();
        denials
            .into_iter()
            .map(|denial| self.explain(denial, current))
            .collect()
    }

    fn explain(&self, denial: Denial, current: u32) -> Refused {
        let table = match &self.before {
            _ if denial.revision == current => Some(&self.table),
            Some((revision, table)) if *revision == denial.revision => Some(table),
            _ => None,
        };
        let place = (denial.workload as usize).wrapping_sub(1);
        let name = table.and_then(|table| table.workloads.get(place));
        let side = name
            .filter(|_| denial.revision == current)
            .and_then(|name| self.side(name, &denial));
        let reason = match (&side, table.and_then(|table| table.reason(denial.reason))) {
            (Some(side), _) => side.why.to_string(),
            (None, Some(reason)) => reason.to_string(),
            (None, None) => "policies that are no longer in force".to_owned(),
        };
        let workload = name.map_or_else(
            || "an unknown workload".to_owned(),
            |(namespace, name)| format!("{namespace}/{name}"),
        );
        Refused {
            workload,
            peer: peer_name(&self.files.world, denial.peer),
            denial,
            side,
            reason,
        }
    }

    /// What the reference evaluator says of it; `None` where it would let it pass: several workloads
    /// may share the address that it knows this one by.
    fn side(&self, name: &(String, String), denial: &Denial) -> Option<Side> {
        let world = &self.files.world;
        let workload = world.workload(&name.0, &name.1)?;
        let peer = world.at(denial.peer);
        let v4 = unmapped(denial.peer).is_ipv4();
        let own = workload.addresses.iter().find(|own| own.is_ipv4() == v4);
        let own = End {
            who: Who::Workload(workload),
            address: own.copied(),
        };
        let (from, to) = match denial.direction {
            Direction::Egress => (own, peer),
            Direction::Ingress => (peer, own),
        };
        let flow = Flow {
            from,
            to,
            protocol: denial.protocol,
            port: denial.port,
        };
        let answers = world.host_answers();
        let judge = Judge::new(&self.files.policies, world, &answers, self.options.settings);
        let verdict = judge.judge(&flow);
        let side = match denial.direction {
            Direction::Egress => verdict.egress,
            Direction::Ingress => verdict.ingress,
        };
        (!side.allowed).then_some(side)
    }
}

fn compile(files: &Files, options: &Options) -> Table {
    let answers = files.world.host_answers();
    let judge = Judge::new(&files.policies, &files.world, &answers, options.settings);
    Table::compile(&judge, options.node.as_deref())
}

fn peer_name(world: &World, address: IpAddr) -> String {
    world.at(address).to_string()
}

/// As `TCP/6333`.
pub fn port(protocol: Protocol, port: u16) -> String {
    match protocol {
        Protocol::Icmp => protocol.to_string(),
        _ => format!("{protocol}/{port}"),
    }
}

/// From the hierarchy's root, with `/`.
pub fn shown(path: &Path) -> String {
    format!("/{}", path.display())
}
