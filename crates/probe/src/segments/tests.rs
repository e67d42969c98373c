//! The arithmetic against readings of real sockets. The interface itself is held against it in `tests/private_network`.

use super::*;

/// The accepting end of: 100 bytes asked, 200 answered, client closed first. Read from a real socket.
fn orderly() -> TcpInfo {
    TcpInfo {
        state: TcpState::Close,
        ip_header_bytes: 20,
        timestamps: true,
        sack: true,
        window_scaling: true,
        segs_out: 3,
        segs_in: 6,
        data_segs_out: 1,
        data_segs_in: 1,
        bytes_sent: 200,
        bytes_received: 101,
        bytes_retrans: 0,
        bytes_acked: 201,
        total_retrans: 0,
        dsack_dups: 0,
        ooo_segs_in: 0,
        snd_mss: 1448,
    }
}

#[test]
fn an_orderly_connection_by_class() {
    let account = account(&orderly(), Ending::Orderly, End::Server);
    // What the interface counted for it: 836 bytes in 10 frames.
    assert_eq!((account.total_bytes(), account.segments()), (836, 10));
    assert!(account.doubts.is_empty());
    let up = account.to_server;
    assert_eq!((up.syn, up.data_segments, up.fin, up.rst, up.pure_acks), (1, 1, 1, 0, 3));
    assert_eq!((up.payload_bytes, up.control_bytes, up.ack_bytes), (100, 60 + 52, 3 * 52));
    let down = account.to_client;
    assert_eq!((down.syn, down.data_segments, down.fin, down.rst, down.pure_acks), (1, 1, 1, 0, 1));
    assert_eq!(down.total_bytes(), 200 + down.header_bytes());
}

#[test]
fn the_other_end_of_the_same_connection_gives_the_same_account() {
    let client = TcpInfo { segs_out: 6, segs_in: 4, bytes_sent: 100, bytes_received: 201, bytes_acked: 102, ..orderly() };
    let (server, client) = (account(&orderly(), Ending::Orderly, End::Server), account(&client, Ending::Orderly, End::Client));
    assert_eq!(server, client);
    assert_eq!(combine(&server, &client), server);
}

#[test]
fn header_sizes_follow_what_was_negotiated() {
    let sizes = |ip_header_bytes, timestamps, sack, window_scaling| {
        let sizes = Sizes::of(&TcpInfo { ip_header_bytes, timestamps, sack, window_scaling, ..orderly() });
        (sizes.segment, sizes.syn, sizes.bare)
    };
    assert_eq!(sizes(20, true, true, true), (52, 60, 40));
    assert_eq!(sizes(20, true, false, true), (52, 60, 40));
    assert_eq!(sizes(20, false, true, true), (40, 52, 40));
    assert_eq!(sizes(20, false, false, false), (40, 44, 40));
    assert_eq!(sizes(40, true, true, true), (72, 80, 60));
}

#[test]
fn a_reset_without_fin_comes_from_a_socket() {
    let info = TcpInfo { segs_out: 2, segs_in: 5, bytes_received: 100, bytes_acked: 200, ..orderly() };
    let account = account(&info, Ending::ResetByPeer { after_fin: false }, End::Server);
    assert_eq!((account.total_bytes(), account.segments()), (732, 8));
    assert_eq!((account.to_server.rst, account.to_server.fin, account.to_client.fin), (1, 0, 0));
    assert_eq!(account.doubts.reset_connections, 1);
}

#[test]
fn resets_after_a_fin_answer_the_unacknowledged_segments() {
    // 50,000 bytes written to a client that had closed: ten segments left, ten RSTs came back.
    let info = TcpInfo { segs_out: 12, segs_in: 14, data_segs_out: 10, bytes_sent: 14_480, bytes_acked: 0, ..orderly() };
    let account = account(&info, Ending::ResetByPeer { after_fin: true }, End::Server);
    assert_eq!((account.total_bytes(), account.segments()), (15_880, 27));
    assert_eq!((account.to_server.rst, account.to_server.fin), (10, 1));
}

#[test]
fn a_reset_after_a_fin_with_everything_acknowledged_comes_from_a_socket() {
    let info = TcpInfo { bytes_acked: 200, ..orderly() };
    let account = account(&info, Ending::ResetByPeer { after_fin: true }, End::Server);
    assert_eq!(account.to_server.control_bytes, 60 + 52 + 52);
}

#[test]
fn retransmissions_are_a_class_of_their_own() {
    let info = TcpInfo {
        segs_out: 5,
        data_segs_out: 3,
        bytes_sent: 400,
        bytes_retrans: 200,
        total_retrans: 2,
        dsack_dups: 2,
        ..orderly()
    };
    let probed = account(&TcpInfo { data_segs_in: 0, bytes_received: 1, ..info }, Ending::Orderly, End::Server);
    let down = probed.to_client;
    assert_eq!((down.data_segments, down.retransmitted_segments, down.pure_acks), (1, 2, 1));
    assert_eq!((down.payload_bytes, down.retransmitted_bytes, down.retransmitted_header_bytes), (200, 200, 104));
    assert_eq!(probed.to_server.dsack_bytes, 24);
    assert!(probed.doubts.is_empty(), "all of them were reported as received twice");
    assert_eq!(account(&info, Ending::Orderly, End::Server).doubts.duplicate_segments, 2);
    let lost = account(&TcpInfo { dsack_dups: 0, ooo_segs_in: 3, ..info }, Ending::Orderly, End::Server);
    assert_eq!((lost.doubts.lost_segments, lost.doubts.out_of_order_segments), (2, 3));
    let without_sack = TcpInfo { dsack_dups: 0, ooo_segs_in: 3, sack: false, ..info };
    assert_eq!(account(&without_sack, Ending::Orderly, End::Server).doubts.out_of_order_segments, 0);
}

#[test]
fn combining_takes_each_direction_from_its_sender() {
    let retransmitting = TcpInfo {
        segs_out: 7,
        segs_in: 4,
        data_segs_out: 2,
        bytes_sent: 200,
        bytes_retrans: 100,
        total_retrans: 1,
        dsack_dups: 1,
        bytes_received: 201,
        bytes_acked: 102,
        ..orderly()
    };
    let server = TcpInfo { segs_in: 7, data_segs_in: 2, ..orderly() };
    let (server, client) =
        (account(&server, Ending::Orderly, End::Server), account(&retransmitting, Ending::Orderly, End::Client));
    let both = combine(&server, &client);
    assert_eq!(both.segments(), server.segments());
    assert_eq!(both.total_bytes(), server.total_bytes() + 100 + DSACK_BYTES);
    assert_eq!((both.to_server.retransmitted_bytes, both.to_client.dsack_bytes), (100, DSACK_BYTES));
}

#[test]
fn a_reading_in_between_knows_how_far_it_is() {
    let established = TcpInfo { state: TcpState::Established, segs_out: 2, segs_in: 4, bytes_received: 100, ..orderly() };
    let early = account(&established, Ending::Open, End::Server);
    assert_eq!((early.segments(), early.to_server.fin, early.to_client.fin), (7, 0, 0));
    assert_eq!(early.doubts.open_connections, 1);
    let half = TcpInfo { state: TcpState::CloseWait, segs_in: 5, bytes_received: 101, ..established };
    let half = account(&half, Ending::Open, End::Server);
    assert_eq!((half.to_server.payload_bytes, half.to_server.fin), (100, 1));
    let aborted = account(&established, Ending::Aborted, End::Server);
    assert_eq!((aborted.segments(), aborted.to_client.rst), (8, 1));
}

#[test]
fn accounts_add_up() {
    let one = account(&orderly(), Ending::Orderly, End::Server);
    let mut sum = ConnectionAccount::default();
    for _ in 0..3 {
        sum += one;
    }
    assert_eq!((sum.total_bytes(), sum.segments()), (3 * 836, 30));
}
