import type { Builtin } from '../builtin.js';
import { json } from '../codecs/json-codec.js';
import type { CodecOptions } from '../codecs/value-codec.js';
import { MAP } from './map-declaration.js';
import { mapType } from './map-machine.js';
import { ReplicatedMap } from './replicated-map.js';

/** How clients open maps. */
export interface MapMethod {
  /** A map by name: ordered keys with values, versions, times to live and watches. Values are JSON unless `codec` says otherwise. */
  map<T = unknown>(name: string, options?: CodecOptions<T>): ReplicatedMap<T>;
}

/** Maps, as they come with Quorate. */
export const mapBuiltin: Builtin<MapMethod['map']> = {
  type: mapType,
  open:
    (client) =>
    <T>(name: string, options: CodecOptions<T> = {}) =>
      new ReplicatedMap<T>(client.resource(MAP, name).handle, options.codec ?? json<T>()),
};
