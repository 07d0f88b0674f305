import { testFaces } from './faces/face-test.js';
import { remote } from './harness/homes.js';

testFaces(remote);
