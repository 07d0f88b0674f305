/** Bounds of the client side of resources. Soft: they concern one process only. */
export const CLIENT_LIMITS = {
  /** Calls that wait for resources to be opened; beyond it `overloaded`. As many as a connection takes. */
  gatedCallsMax: 16_384,
  /** Bytes of their arguments. */
  gatedBytesMax: 33_554_432,
  /** Names that one client has handles for: as many as a group has resources. */
  handlesMax: 1_000_000,
  /** Time after a deadline at which a call that waits for its resource is given up, in ms: the opening itself ends first and says more. */
  gateSlackMs: 100,
  /** Changes that a watch holds for its consumer: several times what a map remembers, which may come at once. */
  watchItemsMax: 8192,
  /** Bytes of their keys and values. */
  watchBytesMax: 33_554_432,
  /** Leaders that an observer who lags behind is given; older ones are left out. */
  observedLeadersMax: 1024,
  /** Time between two attempts to go on with a watch after a session was lost, in ms. */
  resumeDelayMs: 200,
  /** Time between two looks at how far a map with watches is, in ms; and least time between those of two maps. */
  progressMs: 5000,
  progressStepMs: 20,
  /** Entries asked for at a time. */
  pageEntries: 1000,
  /** Longest delay that timers take, in ms. */
  timerMsMax: 2_147_483_647,
} as const;
