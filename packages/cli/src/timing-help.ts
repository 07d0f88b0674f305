/** The part of the help of `quorate server` on settings that decide when another node takes over; a test compares it with what applies. */
export const TIMING_HELP = `Timing, in ms ("settings" of the file; all nodes alike):
  heartbeatMs            between two signs of life of a node (default 30)
  leaseMs                how long a node that heard its leader votes for no
                         other, though the connection is lost (default three
                         times heartbeatMs: 90); "leases": false for not at all
  electionTimeoutMinMs   shortest and longest silence of a leader after which
  electionTimeoutMaxMs   others stand for election (defaults 150 and 300)
  peerSilenceMs          silence after which a connection is taken for half
                         open (default 3000)
  drainMs                longest wait for answers at a stop (default 3000)
heartbeatMs x 3 <= electionTimeoutMinMs <= electionTimeoutMaxMs, and
heartbeatMs x 2 <= leaseMs <= electionTimeoutMinMs.`;
