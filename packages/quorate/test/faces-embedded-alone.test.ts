import { testFaces } from './faces/face-test.js';
import { embeddedAlone } from './harness/homes.js';

testFaces(embeddedAlone);
