/** Every bound of the core, by name, with its reason. Times in milliseconds. */

// Connections and peers

/** Direct connections per peer: a simultaneous dial gives two; nothing honest gives three. */
export const DIRECT_CONNECTIONS_PER_PEER_MAX = 2
/** A surplus connection is closed once nothing came over it for this long, … */
export const SURPLUS_IDLE_MS = 1_000
/** … and at the latest after this. */
export const SURPLUS_LIFETIME_MS = 10_000
/** The side that leaves closing to the other stops waiting after this: that one has closed it, and was not heard. */
export const SURPLUS_ABANDONED_MS = 30_000
/** Relayed connections per peer: signalling in each direction. */
export const LIMITED_CONNECTIONS_PER_PEER_MAX = 2
/** A relayed connection carries signalling only; an upgrade to WebRTC takes seconds. */
export const LIMITED_CONNECTION_LIFETIME_MS = 60_000
/** Connections whose handshake is not done: room for a burst of newcomers, small enough to hold while they dawdle. */
export const PENDING_CONNECTIONS_MAX = 512
/** Peers that speak bitswap only: useful, but they must not crowd out peers that sync. */
export const EXCHANGE_ONLY_PEERS_MAX = 64
/** Closed peers whose strikes and bans are remembered, oldest forgotten first. */
export const REMEMBERED_PEERS_MAX = 4_096

// Handshake

/** Lifecycle and handshake reference, "Handshake record": 10 s a request; also the age at which a connection must have one. */
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** A peer of another chain will be one tomorrow; looking again now and then is enough. */
export const WRONG_CHAIN_BACKOFF_MS: number = 10 * 60_000
/** A responder that found another chain leaves its answer this long to arrive before it closes. */
export const WRONG_CHAIN_LINGER_MS = 1_000
/** Sync messages that arrive before their connection's handshake is done are held, so that none is lost. */
export const EARLY_MESSAGES_MAX = 16
export const EARLY_MESSAGE_BYTES_MAX: number = 256 * 1024

// Dialling

/** An honest dial over three round trips and a slow name lookup. */
export const DIAL_TIMEOUT_MS = 15_000
export const DIAL_BACKOFF_MS_MIN = 500
/** A gateway that restarts is found again within this time. */
export const DIAL_BACKOFF_MS_MAX = 30_000
/** A struck peer's address is left alone for this long. */
export const STRUCK_BACKOFF_MS = 60_000
/** The host promises an answer by the dial's own timeout; when it breaks that promise the slot is freed after this more. */
export const DIAL_ANSWER_GRACE_MS = 5_000
/** Dials under way at once: browsers queue more than a few. */
export const DIALS_AT_ONCE_MAX = 8
/** Addresses to keep connected, configured or asked for by the app. */
export const TARGETS_MAX = 256

// Peers that others tell of

/** Outbound peers, dialled or dialling, from which on no learnt one is dialled: a few that do not know of each other. */
export const OUTBOUND_PEERS_WANTED = 4
/** Records in one answer. */
export const PEER_RECORDS_PER_MESSAGE_MAX = 8
/** One signed record: eight addresses of a gateway with two certificate hashes each, and room. */
export const PEER_RECORD_BYTES_MAX = 1_024
export const PEER_RECORD_ADDRESSES_MAX = 8
/** Records kept: a quarter of a megabyte. */
export const PEER_RECORDS_MAX = 256
/** A quarter: four liars are needed to fill the table, and each is dialled no more often than anybody else. */
export const PEER_RECORDS_PER_SOURCE_MAX: number = PEER_RECORDS_MAX / 4
/** A tab is closed, a gateway's certificates change: what was not told again for so long is of no use. */
export const PEER_RECORD_LIFETIME_MS: number = 2 * 60 * 60_000
/** Ready peers that are asked, of those that dialled us; as many again of those that we dialled. */
export const PEERS_ASKED_MAX = 8
/** A peer is asked again after this while we have too few, … */
export const ASK_PEERS_INTERVAL_MS_MIN = 30_000
/** … and after this when we have not. */
export const ASK_PEERS_INTERVAL_MS_MAX: number = 10 * 60_000
/** A learnt peer that was not reached is left alone for twice as long every time, … */
export const LEARNT_BACKOFF_MS_MIN = 1_000
/** … up to this. */
export const LEARNT_BACKOFF_MS_MAX: number = 10 * 60_000
/** Request numbers from here on, and below outlines', are for peers' records. */
export const PEERS_REQUEST_FIRST: number = 2 ** 30

// Strikes

/** A struck peer is disconnected; at this many it is banned. */
export const STRIKES_MAX = 3
/** One strike is forgiven after this time. */
export const STRIKE_DECAY_MS: number = 10 * 60_000
export const BAN_MS: number = 60 * 60_000

// Header sync

/** DESIGN, "Messages": 2,016 headers a batch, one retarget period. */
export const HEADERS_PER_MESSAGE_MAX = 2_016
/** `skip` of get-headers at most: an asker skips the headers that it has asked for in other requests. */
export const HEADERS_SKIPPED_MAX: number = 8 * HEADERS_PER_MESSAGE_MAX
/** Headers verified in one slice: a millisecond at 250,000 headers/s, so that a tab stays responsive. */
export const HEADERS_PER_SLICE = 256
/** A batch that did not arrive in time is asked for in quarters, down to this. */
export const HEADERS_PER_REQUEST_MIN = 64
/** Announcements of one peer that wait for verification; more is a flood. */
export const QUEUED_ANNOUNCEMENTS_PER_PEER_MAX = 64
/** Times that a sync stream may break without a message in between before its connection is given up. */
export const STREAM_FAILURES_MAX = 3
/** A broken sync stream is tried again after this. */
export const STREAM_RETRY_MS = 1_000
/** Received batches that wait for verification: enough to keep the wire busy, 1.3 MB at most. */
export const QUEUED_BATCHES_MAX = 8
/** Ranges between checkpoints that are asked for above the one that is being verified: some for each of several peers, … */
export const RANGES_AHEAD_MAX = 16
/** … and their bytes: of testnets' 64,512 headers one. */
export const RANGE_BYTES_AHEAD_MAX: number = 6 * 1024 * 1024
/** A range of which a batch takes longer is asked of a second peer too: that is below 430 kbit/s. */
export const RANGE_SLOW_MS = 3_000
/** A peer that does not have a range is asked for it, and for what follows it, again after this. */
export const RANGE_LACKING_MS = 60_000
/** Ranges of a back-fill in a row that broke a rule, each of another peer: then the checkpoint is not believed any more. */
export const BACKFILL_FAILURES_MAX = 3
/** Headers asked of a peer that is not the sync peer, to see whether it has something new. */
export const PROBE_HEADER_COUNT = 16
/** A batch of 161 KB at 100 kbit/s takes 13 s; silence for longer is a stall. */
export const REQUEST_TIMEOUT_MS = 15_000
/** Batches in a row without a single new header, from a peer that says it has more. */
export const IDLE_BATCHES_MAX = 3
/** Bad luck may repeat: a peer that stalled is asked again after this, or sooner when nobody else is there. */
export const STALL_COOLDOWN_MS = 60_000
/** Invariant S2: every peer that serves sync is asked for headers this often. */
export const ASK_AGAIN_INTERVAL_MS: number = 10 * 60_000
/** A peer that is busy, with verifying its store say, is asked again after this. */
export const BUSY_RETRY_MS = 2_000
/** Announced headers in one message: longer reorganisations are fetched. */
export const ANNOUNCED_HEADERS_MAX = 8
/** Announced headers whose parent is missing, kept with their bytes. */
export const ORPHANS_MAX = 10_000
export const ORPHAN_BYTES_MAX: number = 1024 * 1024
/** Announcements kept beside one missing parent: no honest chain forks so often at one header. More are fetched later. */
export const ORPHANS_PER_ROOT_MAX = 64
/** Invariant S6: missing roots that one announcer may make us look for. */
export const WANTED_ROOTS_PER_PEER_MAX = 1_000
/** Missing roots that we look for in all; the oldest of the announcer with the most gives way. */
export const WANTED_ROOTS_MAX = 10_000
/** Roots in one get-ancestors: 32 bytes each, 64 KiB in one message. */
export const ROOTS_PER_REQUEST_MAX = 2_000
/** Requests of one peer that may be answered late without being called unasked. */
export const ABANDONED_REQUESTS_PER_PEER_MAX = 16
/** Runs of headers from the near future that wait for their time, one a peer. */
export const FUTURE_RUNS_MAX = 64
/** A header from the near future is tried again at the earliest after this, … */
export const FUTURE_RETRY_MS_MIN = 1_000
/** … and at the latest after this. */
export const FUTURE_RETRY_MS_MAX: number = 10 * 60_000
/** Locator entries in one request: 10 dense and one per doubling is below 45 for any height under 2^32. */
export const LOCATOR_ROOTS_MAX = 64

// Block exchange

/** Bitswap reference, "Wire": a message is 4 MiB at most; frames longer than this reset their stream. */
export const EXCHANGE_MESSAGE_BYTES_MAX: number = 4 * 1024 * 1024
/** Bitswap reference: senders pack up to 2 MiB, and no block to others is longer. */
export const EXCHANGE_PACKED_BYTES_MAX: number = 2 * 1024 * 1024
/** Small ones go in messages of so many, so that whoever asked works on one message while the next is made. */
export const EXCHANGE_BLOCKS_PER_MESSAGE_MAX = 256
/** A single block between Rushlight peers: the largest transaction that fits a block. It goes alone in its message. */
export const BLOCK_BYTES_MAX = 4_000_000
/** Bitswap reference, "Server features": a longer CID is ignored. */
export const CID_BYTES_MAX = 168
/** Outline bytes in one answer, all but the last of which are as long: 1,979 transactions of two ids each fit with room to spare. */
export const OUTLINE_BYTES_PER_MESSAGE_MAX: number = 192 * 1024
/** 16,666 transactions of the least size fill a block: 64 bytes of ids each, a coinbase, and room. */
export const OUTLINE_BYTES_MAX: number = 2 * 1024 * 1024

// Block exchange: asking

/** Wants of the app that are not settled: a whole Bitcoin block's transactions four times over. */
export const WANTS_MAX = 65_536
/** Blocks that a Rushlight peer may owe us: more than fill any line, and its ledger takes as many. */
export const OWED_BLOCKS_MAX = 20_000
/** Bitswap reference, "Server features": boxo keeps 1,024 wants of a peer. */
export const OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX = 1_024
/** Cancelled and delivered asks of one peer that are remembered twice over, so that what crosses a cancel is no lie. */
export const SETTLED_ASKS_PER_GENERATION_MAX = 16_384
/** Sessions without a want whose good peers are remembered. */
export const IDLE_SESSIONS_MAX = 256
/** Wants of a session that knows no good peer for which others are asked whether they have it, … */
export const PROBED_WANTS_PER_SESSION = 8
/** … and how many others. */
export const PROBED_PEERS_PER_WANT = 32
/** Bitswap reference, "Client features": so many dont-haves in a row, and a peer is no longer good for a session. */
export const ABSENCES_IN_SESSION_MAX = 16
/** Peers compared with one another before one is asked: the best of eight is nearly the best of all. */
export const CANDIDATES_COMPARED_MAX = 8
/** Peers looked at when at least one of them will do. */
export const CANDIDATES_LOOKED_AT_MAX = 64
/** Of a peer that was not measured: slower than a good one, so that it gets less until it has shown what it can. */
export const ESTIMATED_MS_PER_BLOCK = 10
/**
 * A peer that owes and sends nothing for four times its usual response time is silent; never sooner than this, which is
 * also right while its response time is unknown: a first message of 16 KiB takes as long at 131 kbit/s, …
 */
export const SILENCE_MS_MIN = 1_000
/** … or later than this. */
export const SILENCE_MS_MAX = 5_000
/** A peer that is done takes over from one that will need this and two round trips longer, … */
export const HELP_OUT_MS = 500
/** … and looks for such a one no more often than this. */
export const HELP_OUT_INTERVAL_MS = 100
/** When everybody was asked in vain, everybody is asked again after this. */
export const ASK_ROUND_MS = 30_000
/**
 * Blocks nobody asked for that a peer may send before it is struck: as many wants as it may hold of our last run, when it has
 * not noticed that we were gone. From the first on it is asked last, and owes nothing (X6).
 */
export const UNWANTED_BLOCKS_MAX = 1_024

// Block exchange: serving

/** Bitswap reference, "Server features": wants of a peer that are kept, whatever the others want. */
export const LEDGER_WANTS_GUARANTEED = 1_024
/** Wants of one peer at most. */
export const LEDGER_WANTS_MAX = 20_000
/** Wants beyond the guaranteed ones, of all peers together: 25 MB. */
export const LEDGER_POOL_WANTS = 100_000
/** Bitswap reference, "Server features": a block no larger than this is the answer to want-have. */
export const HAVE_ANSWERED_BY_BLOCK_BYTES_MAX = 1_024
/** Blocks looked up or loaded in one go. */
export const CIDS_PER_READ_MAX = 4_096
/** A local read that takes longer is given up, and the block is as absent. */
export const BLOCK_READ_TIMEOUT_MS = 10_000
/** Block bytes that each peer may have loaded or on their way, whatever the others have: 64 MiB for 1,000 peers. */
export const OWN_BYTES_PER_PEER: number = 64 * 1024
/** More than its own comes out of this, in fair order. */
export const LENT_BYTES_MAX: number = 64 * 1024 * 1024
/** Of that, what is kept for peers that have no loan: the fast ones' second envelopes must not use up all of it. */
export const LENT_BYTES_RESERVED: number = LENT_BYTES_MAX / 4
/** Bitswap reference, "Server features": who waits for longer goes first. */
export const STARVED_MS = 10_000
/** A loan of which nothing was drained for this long, while others wait for it, is called in. */
export const LOAN_STALLED_MS = 10_000
/** Blocks loaded for one message, before it is known how fast the peer drains them, … */
export const ENVELOPE_BYTES_START: number = 16 * 1024
/** … at least this, … */
export const ENVELOPE_BYTES_MIN: number = 8 * 1024
/** … doubled when a message was drained sooner than this, … */
export const ENVELOPE_DRAINED_FAST_MS = 250
/** … and halved when it took longer than this. */
export const ENVELOPE_DRAINED_SLOWLY_MS = 1_000
/** Bitswap reference, "Server features": a send may take this, … */
export const SEND_TIMEOUT_MS_MIN = 2_000
/** … and its size at 100 kbit/s. */
export const SEND_BYTES_PER_MS_MIN = 12.5
/** A peer to which a send failed is sent to again after this, doubled each time, … */
export const SEND_RETRY_MS_MIN = 1_000
/** … up to this. */
export const SEND_RETRY_MS_MAX = 30_000

// Block exchange: outlines

/** Outlines that the app waits for. */
export const OUTLINES_WANTED_MAX = 1_024
/** Outlines of one peer's asking that are being loaded; as many are asked of one peer at once. */
export const OUTLINES_PER_PEER_MAX = 4
/** A peer that was asked this long ago and is not done gets another one beside it. */
export const OUTLINE_HEDGE_MS = 1_500
/** One part of an outline, at 100 kbit/s; from the first request on a peer has as often this as there are parts. */
export const OUTLINE_TIMEOUT_MS = 18_000
/** Request numbers from here on are outlines', below are sync's. */
export const OUTLINE_REQUEST_FIRST: number = 2 ** 31

// Keeping connections alive

/** A peer that said nothing for this long is pinged. */
export const PING_INTERVAL_MS = 30_000
export const PING_TIMEOUT_MS = 15_000
/** After a clock jump every connection must answer within this. */
export const PROBE_TIMEOUT_MS = 3_000
/** DESIGN, obligation 6: clocks that disagree by more are a jump. */
export const CLOCK_JUMP_MS = 5_000

// Store

/** Writes under way: one being made durable and one gathering behind it. */
export const PERSISTS_IN_FLIGHT_MAX = 2
/** A store that failed to write is tried again after this. */
export const PERSIST_RETRY_MS = 60_000

/** Stored headers read back in one go. */
export const HEADERS_PER_LOAD: number = 2_016 * 8
