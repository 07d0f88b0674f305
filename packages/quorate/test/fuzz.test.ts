import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);
