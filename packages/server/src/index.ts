export { type ServerConfig, loadConfig } from './config.js';
export { CONFIG_KEYS, type ConfigKey, type ConfigSources, variableOf } from './config-sources.js';
export { memberList, memberNode } from './config-members.js';
export { type EmbeddedNode, type EmbeddedNodeOptions, startEmbeddedNode } from './embedded-node.js';
export { type ProcessLogger, processLogger } from './logger.js';
export { type ServerOutcome, runServer } from './run-server.js';
export { type StopSignal, StopSignals } from './stop-signals.js';
export { VERSION } from './version.js';
export { eventLoopDelayMeter } from './event-loop-delay.js';
