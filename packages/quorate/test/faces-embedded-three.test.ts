import { testFaces } from './faces/face-test.js';
import { embeddedThree } from './harness/homes.js';

testFaces(embeddedThree);
