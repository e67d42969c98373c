//! From one socket's `TCP_INFO` to the frames and bytes its connection put on the interface, in both directions and by
//! class. The arithmetic, which is pure, is here; bringing a connection to the end at which it is exact is
//! [`settle`]. Nothing here reads an interface: that is the other side of the comparison.
//!
//! # Derivation
//!
//! Every frame is an IP header (20 bytes, or 40 for IPv6), a TCP header of 20, options and payload. Once both ends have
//! agreed on timestamps every segment carries 12 bytes of them, so a segment costs **52** bytes beside its payload; a
//! SYN and a SYN-ACK carry 20 bytes of options, so they cost **60**. `lo` counts exactly that and no Ethernet header
//! (add [`ETHERNET_HEADER_BYTES`] a frame for a real link). With `out` and `in` as seen from the end that is read:
//!
//! ```text
//! frames out = segs_out, + 1 on the accepting end: its SYN-ACK left before the socket existed
//! bytes  out = 52 × frames + 8 + bytes_sent
//! frames in  = segs_in
//! bytes  in  = 52 × frames + 8 + bytes_received − 1 if the peer's FIN has arrived
//!              + 12 × dsack_dups − 12 × RSTs without timestamps
//! ```
//!
//! The terms that are not obvious, each found by holding the sum against the interface (`tests/private_network`):
//!
//! - `bytes_received` counts sequence numbers, and a FIN has one.
//! - `bytes_received` counts duplicates once. What the peer sent twice only the peer knows.
//! - `dsack_dups` counts segments *we* sent that arrived twice; each was answered with a segment carrying one DSACK
//!   block, 12 bytes. This is not rare on a loopback: its round trip of 50 µs makes the kernel send a tail loss probe
//!   after some 10 ms, while a receiver that is not reading delays its acknowledgement for 40 ms.
//! - A RST sent by a socket (closed with data unread, or lingering zero) carries timestamps: 52 bytes. A RST sent
//!   because a segment found nobody carries none: 40 bytes.
//! - `bytes_acked` is used only to see whether our own FIN was acknowledged, and how much was lost to a reset: it also
//!   counts our SYN on the connecting end.
//!
//! # When to read
//!
//! The counters are right at any moment at which no frame is on its way, so phases can be told apart by reading twice.
//! At the end of the connection that moment is when the state is [`Close`](TcpState::Close): the kernel sets it on the
//! end that closed last when the final ACK has arrived, and on the end that closed first when it has sent that ACK and
//! handed TIME-WAIT to a stand-in. Closing the descriptor makes the counters unreadable, and before the state is
//! `Close` the FINs and last ACKs are missing. So: half-close, read to the end of the stream, wait for `Close`, read
//! `TCP_INFO`, and only then close. That is what [`settle`] does.
//!
//! # What is exact
//!
//! From *either* end alone, bytes and frames, for any order of closing (client first, server first, both at once),
//! requests left unanswered, connections that carried nothing, peers killed or closing with data unread, answers sent
//! to a client that has gone, delayed ACKs, window updates and zero-window probes.
//!
//! Not exact, and why; [`ConnectionAccount::doubts`] says which of them may apply to a connection:
//!
//! - *The peer retransmitted* (loss, or its tail loss probes while this end's program was not reading): frames are
//!   exact, but the repeated payload and the 12 bytes of DSACK in our answer are in no counter of this end. Exact from
//!   both ends, by [`combine`]; or keep it from happening with
//!   [`set_tcp_recovery`](crate::namespace::set_tcp_recovery). No counter of this end betrays it, so it is the one case
//!   without a doubt to show for it: look at [`StackCounters`](crate::netstat::StackCounters).
//! - *Segments arrived out of order* (loss, or two cores delivering one fast bulk transfer): frames are exact, but
//!   each such segment is answered with 12, 20 or 28 bytes of SACK blocks that no socket counts. Not exact from both
//!   ends either. Without SACK (`set_tcp_recovery`) there are none, and both ends together are exact.
//! - *This end retransmitted what had arrived*: if it closes first, the last of the peer's answers come when it no longer
//!   counts. Exact from both ends.
//! - *This end's segments arrived twice, and the peer was sending in bulk*: the DSACK block then rides on a large segment
//!   and is repeated in each frame cut from it, of which this end sees one. Frames are exact; switch the probes off.
//! - *Reset while data was on its way to the peer*: the first RST is the closing socket's, with timestamps. The
//!   segments that come after it are each answered by one without, which this end either counts and takes for an ACK
//!   (12 bytes too many) or, its socket being gone, does not count (40 bytes and a frame too few). How many there were
//!   only `StackCounters` knows.
//! - *Reset by a socket that had not acknowledged everything*: it had half-closed, data came, its program closed without
//!   reading that, and the acknowledgement was still delayed. From this end that looks like data that found nobody, whose
//!   answer is 12 bytes shorter. How many RSTs were answers only `StackCounters` knows.
//! - *The handshake was retransmitted* (a full accept queue; it happens when clients connect faster than the server
//!   accepts): the accepting end does not see a SYN or ACK that was dropped, and the connecting end takes a repeated
//!   SYN-ACK for an ACK. Exact from both ends. Under real loss a repeated FIN passes for a SYN, 8 bytes too many.
//! - *Segments overtaken by the close*: two cores may deliver a FIN before a segment that was sent earlier. That one then
//!   meets no socket, and neither it nor what answers it (an ACK by the stand-in in TIME-WAIT, a RST) is in any socket's
//!   counters. Seen right behind bulk transfers, one in a thousand, and where both sides close at once on a busy
//!   machine, one in ten thousand (three frames and 144 bytes: the ACK, its answer, the RST). Not if the connection has
//!   been quiet for some milliseconds, the client closes first and the server settles after that.
//! - *Still open* at the deadline: right so far, but its end is yet to come.
//!
//! Classes are a little softer than totals: a FIN that rides on data leaves no trace, and is shown as a FIN of its own
//! at the expense of one pure ACK. The totals do not change, for the two weigh the same.

use std::ops::AddAssign;

use wirecost_model::ledger::{Counters, Flow};

use crate::tcp_info::{TcpInfo, TcpState};

mod close;

pub use close::{Settled, abort, settle};

/// Bytes of Ethernet header, without trailer, which a link other than `lo` adds to every frame.
pub const ETHERNET_HEADER_BYTES: u64 = 14;

const TCP_HEADER_BYTES: u64 = 20;
const TIMESTAMPS_BYTES: u64 = 12;
/// One DSACK block beside timestamps, padded.
const DSACK_BYTES: u64 = 12;

/// Which end of a connection a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The end that accepted: it sent the SYN-ACK.
    Server,
    /// The end that connected: it sent the SYN.
    Client,
}

/// How a connection ended, as far as one end could tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It has not, or nobody looked; the state in [`TcpInfo`] says how far it is.
    Open,
    /// Both ends sent a FIN, and both were acknowledged.
    Orderly,
    /// The peer sent a RST.
    ResetByPeer {
        /// Whether its FIN had arrived before.
        after_fin: bool,
    },
    /// This end sent a RST, by [`abort`], after the counters were read.
    Aborted,
}

/// The frames of one direction of a connection, or of many added up, by class.
///
/// The classes are disjoint and complete: those of segments add up to [`segments`](Self::segments), those of bytes to
/// [`total_bytes`](Self::total_bytes). Bytes are those of IP packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentAccount {
    /// Segments that carried payload, retransmissions excepted.
    pub data_segments: u64,
    /// Segments that only acknowledge: delayed ACKs, window updates, probes of a zero window or of a silent peer.
    pub pure_acks: u64,
    /// SYN or SYN-ACK: one a connection, unless it was sent again.
    pub syn: u64,
    /// FIN segments without data.
    pub fin: u64,
    /// RST segments.
    pub rst: u64,
    /// Of these, without timestamps, as far as this end can tell.
    pub bare_rst: u64,
    /// Segments that carried payload another time. Known of the sending end only.
    pub retransmitted_segments: u64,
    /// Payload, each byte once.
    pub payload_bytes: u64,
    /// Payload, another time. Known of the sending end only.
    pub retransmitted_bytes: u64,
    /// Headers of the data segments.
    pub data_header_bytes: u64,
    /// Whole pure ACKs, without DSACK blocks.
    pub ack_bytes: u64,
    /// DSACK blocks in pure ACKs. Known of the *receiving* end only.
    pub dsack_bytes: u64,
    /// Whole SYN, SYN-ACK, FIN and RST segments.
    pub control_bytes: u64,
    /// Headers of the retransmitted segments.
    pub retransmitted_header_bytes: u64,
}

impl SegmentAccount {
    /// Frames, of every class.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.data_segments + self.retransmitted_segments + self.pure_acks + self.syn + self.fin + self.rst
    }

    /// Everything that is not payload: IP and TCP headers with their options.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        self.data_header_bytes + self.retransmitted_header_bytes + self.ack_bytes + self.dsack_bytes + self.control_bytes
    }

    /// All bytes of all frames, as `lo` counts them: IP packets, without Ethernet headers.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.payload_bytes + self.retransmitted_bytes + self.header_bytes()
    }
}

impl AddAssign for SegmentAccount {
    fn add_assign(&mut self, other: Self) {
        self.data_segments += other.data_segments;
        self.pure_acks += other.pure_acks;
        self.syn += other.syn;
        self.fin += other.fin;
        self.rst += other.rst;
        self.bare_rst += other.bare_rst;
        self.retransmitted_segments += other.retransmitted_segments;
        self.payload_bytes += other.payload_bytes;
        self.retransmitted_bytes += other.retransmitted_bytes;
        self.data_header_bytes += other.data_header_bytes;
        self.ack_bytes += other.ack_bytes;
        self.dsack_bytes += other.dsack_bytes;
        self.control_bytes += other.control_bytes;
        self.retransmitted_header_bytes += other.retransmitted_header_bytes;
    }
}

/// How often something happened that may make an account differ from the interface; the module's documentation
/// explains each. All 0 in all but unusual cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Connections that had not ended: their FINs are yet to come.
    pub open_connections: u64,
    /// Connections that were reset by the peer: more RSTs may have been sent, and of another size.
    pub reset_connections: u64,
    /// Segments that arrived out of order: the answer to each carried 12 to 28 bytes of SACK blocks, not counted.
    pub out_of_order_segments: u64,
    /// Segments sent again that the peer did not report as received twice: its ACKs carried SACK blocks, or will still
    /// answer when our socket no longer counts.
    pub lost_segments: u64,
    /// Segments that arrived twice at a peer that was sending data itself: its DSACK blocks may have been in more frames
    /// than were counted.
    pub duplicate_segments: u64,
    /// Segments without payload sent again: SYN, SYN-ACK or FIN.
    pub retransmitted_control_segments: u64,
}

impl Doubts {
    /// Whether there is no reason to expect anything but exact figures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Doubts {
    fn add_assign(&mut self, other: Self) {
        self.open_connections += other.open_connections;
        self.reset_connections += other.reset_connections;
        self.out_of_order_segments += other.out_of_order_segments;
        self.lost_segments += other.lost_segments;
        self.duplicate_segments += other.duplicate_segments;
        self.retransmitted_control_segments += other.retransmitted_control_segments;
    }
}

/// Both directions of one connection, or of many added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionAccount {
    /// Client to server.
    pub to_server: SegmentAccount,
    /// Server to client.
    pub to_client: SegmentAccount,
    /// What may make the figures inexact.
    pub doubts: Doubts,
}

impl ConnectionAccount {
    /// The kernel's share of a ledger's counters, whichever end was read.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let flow = |of: fn(&SegmentAccount) -> u64| Flow { up: of(&self.to_server), down: of(&self.to_client) };
        Counters {
            data_segments: flow(|s| s.data_segments),
            ack_segments: flow(|s| s.pure_acks),
            control_segments: flow(|s| s.syn + s.fin + s.rst),
            data_header_bytes: flow(|s| s.data_header_bytes),
            ack_bytes: flow(|s| s.ack_bytes + s.dsack_bytes),
            dsack_bytes: flow(|s| s.dsack_bytes),
            control_bytes: flow(|s| s.control_bytes),
            retransmit_segments: flow(|s| s.retransmitted_segments),
            retransmit_control_segments: self.doubts.retransmitted_control_segments,
            bare_resets: self.to_server.bare_rst + self.to_client.bare_rst,
            retransmit_bytes: flow(|s| s.retransmitted_bytes + s.retransmitted_header_bytes),
            ..Counters::default()
        }
    }
}

impl ConnectionAccount {
    /// Frames of both directions.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.to_server.segments() + self.to_client.segments()
    }

    /// Bytes of both directions.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.to_server.total_bytes() + self.to_client.total_bytes()
    }
}

impl AddAssign for ConnectionAccount {
    fn add_assign(&mut self, other: Self) {
        self.to_server += other.to_server;
        self.to_client += other.to_client;
        self.doubts += other.doubts;
    }
}

/// What a connection has put on the interface by the time `info` was read at its `end`.
///
/// `ending` matters only once the state is [`Close`](TcpState::Close): pass [`Ending::Open`] for a reading in between,
/// and what [`settle`] found for the last one (or let [`Settled::account`] do it).
///
/// ```
/// # use std::{net, os::fd::AsFd};
/// use wirecost_probe::{segments::{End, Ending, account}, tcp_info::TcpInfo};
///
/// let listener = net::TcpListener::bind("127.0.0.1:0")?;
/// let client = net::TcpStream::connect(listener.local_addr()?)?;
/// let account = account(&TcpInfo::read(client.as_fd())?, Ending::Open, End::Client);
/// assert_eq!((account.to_server.syn, account.to_server.pure_acks, account.to_server.total_bytes()), (1, 1, 60 + 52));
/// assert_eq!((account.to_client.syn, account.to_client.pure_acks, account.to_client.total_bytes()), (1, 0, 60));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn account(info: &TcpInfo, ending: Ending, end: End) -> ConnectionAccount {
    let sizes = Sizes::of(info);
    let (sent, received) = (sent(info, ending, end, &sizes), received(info, ending, end, &sizes));
    let (to_server, to_client) = match end {
        End::Server => (received, sent),
        End::Client => (sent, received),
    };
    ConnectionAccount { to_server, to_client, doubts: doubts(info, ending) }
}

/// The account of connections of which both ends were read: each direction as the end that sent it knows it, so that
/// retransmissions of either side are exact.
///
/// For connections that ended in order at both ends; what a peer sent after its socket was gone is known only to the
/// end that stayed.
#[must_use]
pub fn combine(server: &ConnectionAccount, client: &ConnectionAccount) -> ConnectionAccount {
    let with_dsack_of =
        |sent: SegmentAccount, received: SegmentAccount| SegmentAccount { dsack_bytes: received.dsack_bytes, ..sent };
    let mut doubts = server.doubts;
    doubts += client.doubts;
    ConnectionAccount {
        to_server: with_dsack_of(client.to_server, server.to_server),
        to_client: with_dsack_of(server.to_client, client.to_client),
        doubts,
    }
}

/// The sizes of segments without payload of one connection, bytes.
struct Sizes {
    /// Of a segment of an established connection.
    segment: u64,
    /// Of a SYN or SYN-ACK.
    syn: u64,
    /// Of a RST in answer to a segment that found nobody.
    bare: u64,
}

impl Sizes {
    fn of(info: &TcpInfo) -> Self {
        let bare = u64::from(info.ip_header_bytes) + TCP_HEADER_BYTES;
        let timestamps = if info.timestamps { TIMESTAMPS_BYTES } else { 0 };
        let maximum_segment_size = 4;
        let window_scale = if info.window_scaling { 4 } else { 0 };
        // "SACK permitted" has 2 bytes, and takes the place of the timestamps' padding where there are any.
        let sack_permitted = if info.sack && !info.timestamps { 4 } else { 0 };
        Self { segment: bare + timestamps, syn: bare + maximum_segment_size + window_scale + sack_permitted + timestamps, bare }
    }
}

/// What the end that was read has sent.
fn sent(info: &TcpInfo, ending: Ending, end: End, sizes: &Sizes) -> SegmentAccount {
    // A full accept queue is what makes control segments be sent again where nothing is lost.
    let syn = 1 + u64::from(retransmitted_control(info));
    // All of the SYN-ACKs left before the socket existed; the SYNs are the socket's own.
    let uncounted = if end == End::Server { syn } else { 0 };
    let rst = u64::from(ending == Ending::Aborted);
    let with_payload = u64::from(info.data_segs_out);
    let retransmitted = u64::from(info.total_retrans - retransmitted_control(info)).min(with_payload);
    let without_payload = (u64::from(info.segs_out) + uncounted).saturating_sub(syn + with_payload);
    let fin = u64::from(own_fin_sent(info, end)).min(without_payload);
    let pure_acks = without_payload - fin;
    let data_segments = with_payload - retransmitted;
    SegmentAccount {
        data_segments,
        pure_acks,
        syn,
        fin,
        rst,
        bare_rst: 0,
        retransmitted_segments: retransmitted,
        payload_bytes: info.unique_bytes_sent(),
        retransmitted_bytes: info.bytes_retrans,
        data_header_bytes: data_segments * sizes.segment,
        ack_bytes: pure_acks * sizes.segment,
        dsack_bytes: 0,
        control_bytes: syn * sizes.syn + (fin + rst) * sizes.segment,
        retransmitted_header_bytes: retransmitted * sizes.segment,
    }
}

/// What the end that was read has received.
fn received(info: &TcpInfo, ending: Ending, end: End, sizes: &Sizes) -> SegmentAccount {
    let syn = 1;
    let data_segments = u64::from(info.data_segs_in);
    let without_payload = u64::from(info.segs_in).saturating_sub(syn + data_segments);
    let peer_fin = u64::from(peer_fin_received(info, ending));
    let (bare_rst, socket_rst) = match ending {
        Ending::ResetByPeer { after_fin } => resets(info, end, after_fin),
        _ => (0, 0),
    };
    let bare_rst = bare_rst.min(without_payload);
    let socket_rst = socket_rst.min(without_payload - bare_rst);
    let fin = peer_fin.min(without_payload - bare_rst - socket_rst);
    let pure_acks = without_payload - bare_rst - socket_rst - fin;
    SegmentAccount {
        data_segments,
        pure_acks,
        syn,
        fin,
        rst: bare_rst + socket_rst,
        bare_rst,
        retransmitted_segments: 0,
        payload_bytes: info.bytes_received.saturating_sub(peer_fin),
        retransmitted_bytes: 0,
        data_header_bytes: data_segments * sizes.segment,
        ack_bytes: pure_acks * sizes.segment,
        dsack_bytes: u64::from(info.dsack_dups) * DSACK_BYTES,
        control_bytes: syn * sizes.syn + (fin + socket_rst) * sizes.segment + bare_rst * sizes.bare,
        retransmitted_header_bytes: 0,
    }
}

/// How many RSTs arrived, without and with timestamps.
///
/// After a FIN the peer's program is gone, and what we send in ignorance of that finds nobody: each such segment is
/// answered, and stays unacknowledged. If nothing is unacknowledged the RST was not an answer: the peer had only
/// half-closed, and then gave up with data unread. Without a FIN it was the peer's socket that gave up.
fn resets(info: &TcpInfo, end: End, after_fin: bool) -> (u64, u64) {
    let acknowledged = info.bytes_acked.saturating_sub(u64::from(end == End::Client));
    let unacknowledged = info.unique_bytes_sent().saturating_sub(acknowledged);
    if after_fin && unacknowledged > 0 { (unacknowledged.div_ceil(u64::from(info.snd_mss.max(1))), 0) } else { (0, 1) }
}

/// Whether all sequence numbers of this end, its FIN's included, were acknowledged.
pub(crate) fn own_fin_acknowledged(info: &TcpInfo, end: End) -> bool {
    info.bytes_acked > info.unique_bytes_sent() + u64::from(end == End::Client)
}

fn own_fin_sent(info: &TcpInfo, end: End) -> bool {
    use TcpState::{Close, Closing, FinWait1, FinWait2, LastAck, TimeWait};
    match info.state {
        FinWait1 | FinWait2 | Closing | LastAck | TimeWait => true,
        Close => own_fin_acknowledged(info, end),
        _ => false,
    }
}

fn peer_fin_received(info: &TcpInfo, ending: Ending) -> bool {
    use TcpState::{Close, CloseWait, Closing, LastAck, TimeWait};
    match info.state {
        CloseWait | LastAck | Closing | TimeWait => true,
        Close => !matches!(ending, Ending::ResetByPeer { after_fin: false }),
        _ => false,
    }
}

/// Segments without payload that were sent again, as far as that can be told: `total_retrans` counts all kinds,
/// `bytes_retrans` payload only.
fn retransmitted_control(info: &TcpInfo) -> u32 {
    if info.bytes_retrans == 0 { info.total_retrans } else { 0 }
}

fn doubts(info: &TcpInfo, ending: Ending) -> Doubts {
    let control = retransmitted_control(info);
    let lost = (info.total_retrans - control).saturating_sub(info.dsack_dups);
    Doubts {
        open_connections: u64::from(ending == Ending::Open && info.state != TcpState::Close),
        reset_connections: u64::from(matches!(ending, Ending::ResetByPeer { .. })),
        out_of_order_segments: if info.sack { u64::from(info.ooo_segs_in) } else { 0 },
        lost_segments: u64::from(lost),
        duplicate_segments: if info.data_segs_in > 0 { u64::from(info.dsack_dups) } else { 0 },
        retransmitted_control_segments: u64::from(control),
    }
}

#[cfg(test)]
mod tests;
