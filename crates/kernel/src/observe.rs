//! The running observe object: drains its ring, writes its orders.

use crate::features::Feature;
use crate::load::{self, Loaded};
use crate::programs::{self, ProgramSize, ProgramStats, StatsGuard};
use crate::skeleton::ObserveSkel;
use crate::skeleton::types::{fb_bounds, fb_order};
use crate::wire;
use forebay_core::decode::{Ending, Report};
use forebay_core::event::Event;
use forebay_core::exchange::connection::Order;
use libbpf_rs::{AsRawLibbpf, Iter, Link, MapCore, MapFlags, RingBuffer, RingBufferBuilder};
use std::cell::Cell;
use std::io::Read;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::rc::Rc;

/// Why the kernel half is not running.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No cgroup2 file system.
    #[error(
        "no cgroup v2 hierarchy is mounted, so no packet can be seen. Next: `mount -t cgroup2 none \
         /sys/fs/cgroup/unified` (or boot with systemd.unified_cgroup_hierarchy=1)"
    )]
    NoCgroup2,
    /// A program that everything rests on can't run here.
    #[error(
        "nothing can be observed without the kernel program {program}, which can't run here: {reason}. \
         Next: {}", next_for(.reason)
    )]
    Required {
        /// Its name.
        program: String,
        /// What it lacks, or what the kernel said.
        reason: String,
    },
    /// Both programs that see reads are off.
    #[error(
        "nothing can be observed without a program that sees reads: tcp_rcv_space_adjust ({adjust}) and \
         skb_copy_datagram_iovec ({copy}) are both off. Next: leave one of them in, or see `forebay doctor`"
    )]
    NoReads {
        /// Why tcp_rcv_space_adjust is off.
        adjust: String,
        /// Why skb_copy_datagram_iovec is off.
        copy: String,
    },
    /// The programs were refused, though each alone is not.
    #[error(
        "the kernel refused the programs: {0}. Likely cause: a limit on memory (`ulimit -l`, the \
         agent's cgroup). Next: `forebay doctor`"
    )]
    Load(libbpf_rs::Error),
    /// A program loaded but did not attach.
    #[error("{program} did not attach: {error}. Next: `forebay doctor`")]
    Attach {
        /// Its name.
        program: &'static str,
        /// What the kernel said.
        error: libbpf_rs::Error,
    },
    /// The cgroup root can't be opened.
    #[error("cannot open the cgroup v2 root {path}: {error}")]
    Cgroup {
        /// Where it is mounted.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
    /// The ring can't be mapped.
    #[error("cannot map the ring buffer: {0}. Likely cause: a memory limit of the agent")]
    Ring(libbpf_rs::Error),
}

/// What to do where a required program can't run.
fn next_for(reason: &str) -> &'static str {
    if reason.contains("BTF") {
        "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"
    } else {
        "see what this kernel can do with `forebay doctor`; 5.8 is the oldest that can"
    }
}

/// Size of the ring. Every page of it is mapped twice, so it counts twice in the resident memory
/// that the kernel tells of a process.
pub const RING_BYTES: u64 = fb_bounds::FB_RING_BYTES.0 as u64;

/// Sockets that the kernel half tracks at once, whatever memory there is.
pub const SOCKETS_MAX: usize = fb_bounds::FB_SOCKETS_MAX.0 as usize;

/// What the kernel half could not deliver, since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records that found the ring full.
    pub ring_full: u64,
    /// Sockets that found the table full.
    pub socket_table_full: u64,
    /// Sockets tracked now.
    pub sockets: u64,
    /// Times that bytes were found read which no attached program saw.
    pub unseen_reads: u64,
}

/// Whether a drain should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Take the next record.
    Continue,
    /// Leave the rest for later.
    Stop,
}

/// Sees reads with their bytes.
pub(crate) const READS: &str = "skb_copy_datagram_iovec";
/// Sees reads without a copy; attached when the first is found.
pub(crate) const LATE: &str = "tcp_rcv_space_adjust";

type Sink = dyn FnMut(Event<'_>) -> Stop;

/// The running kernel half. Dropping it detaches everything.
pub struct Observe {
    // Dropped in this order: ring before links before the maps they use.
    ring: RingBuffer<'static>,
    sink: Rc<Cell<Option<NonNull<Sink>>>>,
    flush: Option<Link>,
    links: Vec<Link>,
    pub(crate) skel: ObserveSkel<'static>,
    /// `tcp_rcv_space_adjust` is attached, or can't be.
    sees_all_reads: bool,
    features: Vec<Feature>,
    stats: Option<StatsGuard>,
}

// SAFETY: libbpf objects, descriptors and mappings may be used from any one thread at a time; the
// `Rc` is shared only with the callback inside `ring`, which moves along.
unsafe impl Send for Observe {}

impl Observe {
    /// What this kernel can do, without loading anything.
    pub fn features() -> Vec<Feature> {
        load::probe(&[])
    }

    /// Loads and attaches everything that this kernel can do. An optional program that the kernel
    /// refuses is given up, with the reason kept for `doctor`.
    pub fn start() -> Result<Self, LoadError> {
        Self::start_without(&[])
    }

    /// As [`Observe::start`], but for the programs of these names (see
    /// [`optional`](crate::optional)).
    pub fn start_without(names: &[&str]) -> Result<Self, LoadError> {
        let mut features = load::probe(names);
        let Loaded { skel, links, flush } = load::load_and_attach(&mut features)?;
        let sink: Rc<Cell<Option<NonNull<Sink>>>> = Rc::default();
        let ring = ring(&skel, Rc::clone(&sink))?;
        Ok(Self {
            ring,
            sink,
            flush,
            links,
            sees_all_reads: !load::active(&features, LATE) || !load::active(&features, READS),
            skel,
            features,
            stats: None,
        })
    }

    /// The table of programs as they are now.
    pub fn table(&self) -> &[Feature] {
        &self.features
    }

    /// Number of attached programs.
    pub fn attached(&self) -> usize {
        self.links.len() + usize::from(self.flush.is_some())
    }

    /// Hands every waiting record to `sink`, oldest first.
    pub fn drain<F: FnMut(Event<'_>) -> Stop>(&mut self, mut sink: F) {
        let wide: &mut (dyn FnMut(Event<'_>) -> Stop + '_) = &mut sink;
        // SAFETY: only the lifetime is erased; the pointer is cleared below before `sink` dies,
        // and the ring calls back only from `consume_raw`, on this thread.
        let erased: NonNull<Sink> = unsafe { std::mem::transmute(NonNull::from(wide)) };
        self.sink.set(Some(erased));
        self.ring.consume_raw();
        self.sink.set(None);
        if !self.sees_all_reads && self.losses().unseen_reads > 0 {
            self.see_all_reads();
        }
    }

    /// Attaches the program that most hosts never need: it costs each read about 80 ns.
    fn see_all_reads(&mut self) {
        self.sees_all_reads = true;
        match self.skel.progs.tcp_rcv_space_adjust.attach_trace() {
            Ok(link) => self.links.push(link),
            Err(error) => load::give_up(&mut self.features, LATE, error.to_string()),
        }
    }

    /// Ends all observation: what waits in the ring, and a last flush, are all that is to come.
    pub fn detach(&mut self) {
        self.sees_all_reads = true;
        self.links.clear();
    }

    /// Bytes that wait in the ring for the next drain.
    pub fn waiting_bytes(&self) -> u64 {
        let all = self.ring.as_libbpf_object().as_ptr();
        // SAFETY: `all` lives as long as `self.ring` and holds the one ring added to it.
        let one = unsafe { libbpf_sys::ring_buffer__ring(all, 0) };
        if one.is_null() {
            return 0;
        }
        // SAFETY: not null, and as alive as `all`; it only reads two counters.
        unsafe { libbpf_sys::ring__avail_data_size(one) as u64 }
    }

    /// Asks every socket for what it has not reported yet; the answers come with the next drain.
    pub fn flush(&self) {
        let Some(mut iter) = self.flush.as_ref().and_then(|link| Iter::new(link).ok()) else {
            return;
        };
        let mut nothing = [0; 64];
        while matches!(iter.read(&mut nothing), Ok(n) if n > 0) {}
    }

    /// Writes orders; their sockets take them at their next event. An order for a socket that is
    /// gone is forgotten when the table needs the room.
    pub fn order(&mut self, orders: &[Order]) {
        for order in orders {
            let (report_in, head_in, usual_in) = encode(order.incoming);
            let (report_out, head_out, usual_out) = encode(order.outgoing);
            let mut value = [0; size_of::<fb_order>()];
            for (place, half) in [head_in, head_out, order.turns[0], order.turns[1]]
                .iter()
                .enumerate()
            {
                value[2 * place..2 * place + 2].copy_from_slice(&half.to_ne_bytes());
            }
            value[8] = report_in;
            value[9] = report_out;
            let usual = [
                usual_in.bytes,
                usual_in.mask,
                usual_out.bytes,
                usual_out.mask,
            ];
            value[16..].copy_from_slice(usual.as_flattened());
            // A refused order costs bytes, not correctness.
            let _ =
                self.skel
                    .maps
                    .orders
                    .update(&order.cookie.to_ne_bytes(), &value, MapFlags::ANY);
        }
        if !orders.is_empty()
            && let Some(bss) = self.skel.maps.bss_data.as_deref_mut()
        {
            let generation = &raw mut bss.orders_generation;
            // SAFETY: the kernel only reads this aligned word of the shared page; we are its only
            // writer.
            unsafe { generation.write_volatile(generation.read_volatile().wrapping_add(1)) };
        }
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        let Some(bss) = self.skel.maps.bss_data.as_deref() else {
            return Losses::default();
        };
        // SAFETY: an aligned read of a page the kernel writes; a torn value is impossible for
        // aligned words and staleness does not matter.
        let now = unsafe { (&raw const bss.losses).read_volatile() };
        Losses {
            ring_full: now.ring_full,
            socket_table_full: now.socket_table_full,
            sockets: now.sockets,
            unseen_reads: now.unseen_reads,
        }
    }

    /// Bounds the sockets tracked from now on; further ones are counted as lost. Those tracked
    /// already stay.
    pub fn bound_sockets(&mut self, sockets: usize) {
        let most = u32::try_from(sockets).unwrap_or(u32::MAX).max(1);
        if let Some(bss) = self.skel.maps.bss_data.as_deref_mut() {
            let bound = &raw mut bss.sockets_max;
            // SAFETY: the kernel only reads this aligned word of the shared page; we are its only
            // writer.
            unsafe { bound.write_volatile(most) };
        }
    }

    /// Switches the kernel's run-time statistics on (they cost 60–100 ns a run).
    pub fn measure(&mut self) {
        if self.stats.is_none() {
            self.stats = programs::enable();
        }
    }

    /// Run-time statistics of every attached program; all 0 until [`Observe::measure`].
    pub fn stats(&self) -> Vec<ProgramStats> {
        let progs = &self.skel.progs;
        [
            programs::read("egress", &progs.egress),
            programs::read("ingress", &progs.ingress),
            programs::read("skb_copy_datagram_iovec", &progs.skb_copy_datagram_iovec),
            programs::read("tcp_rcv_space_adjust", &progs.tcp_rcv_space_adjust),
            programs::read("tcp_sendmsg_locked", &progs.tcp_sendmsg_locked),
            programs::read("inet_sock_set_state", &progs.inet_sock_set_state),
            programs::read("tcp_destroy_sock", &progs.tcp_destroy_sock),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Observe {
    /// What every loaded program took to verify and takes in memory.
    pub fn sizes(&self) -> Vec<ProgramSize> {
        let progs = &self.skel.progs;
        [
            programs::size("egress", &progs.egress),
            programs::size("ingress", &progs.ingress),
            programs::size("skb_copy_datagram_iovec", &progs.skb_copy_datagram_iovec),
            programs::size("tcp_rcv_space_adjust", &progs.tcp_rcv_space_adjust),
            programs::size("tcp_sendmsg_locked", &progs.tcp_sendmsg_locked),
            programs::size("inet_sock_set_state", &progs.inet_sock_set_state),
            programs::size("tcp_destroy_sock", &progs.tcp_destroy_sock),
            programs::size("flush", &progs.flush),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn encode(report: Report) -> (u8, u16, Ending) {
    let any = Ending::default();
    match report {
        Report::Turns { head_bytes } => (0, head_bytes, any),
        Report::Chunks { head_bytes, usual } => (1, head_bytes, usual),
        Report::Quiet => (2, 0, any),
    }
}

fn ring(
    skel: &ObserveSkel<'static>,
    sink: Rc<Cell<Option<NonNull<Sink>>>>,
) -> Result<RingBuffer<'static>, LoadError> {
    let mut builder = RingBufferBuilder::new();
    let callback = move |bytes: &[u8]| -> i32 {
        let (Some(mut to), Some(event)) = (sink.get(), wire::event(bytes)) else {
            return 0;
        };
        // SAFETY: set by `drain`, which keeps the closure alive and unaliased for this call.
        match unsafe { to.as_mut() }(event) {
            Stop::Continue => 0,
            Stop::Stop => -1,
        }
    };
    builder
        .add(&skel.maps.ring, callback)
        .map_err(LoadError::Ring)?;
    builder.build().map_err(LoadError::Ring)
}
