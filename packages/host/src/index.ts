export { DEFAULT_SETTINGS, type ConfiguredMember, type Host, type HostEvents, type HostOptions, type HostSettings } from './host-options.js';
export { startHost } from './host.js';
