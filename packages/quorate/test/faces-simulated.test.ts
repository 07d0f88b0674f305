import { testFaces } from './faces/face-test.js';
import { simulated } from './harness/simulated-home.js';

testFaces(simulated);
