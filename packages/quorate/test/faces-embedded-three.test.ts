import { testFaces } from './faces/face-test.js';
import { testOutages } from './faces/outage.js';
import { embeddedThree } from './harness/homes.js';
import { embeddedThreeOutage } from './harness/outages.js';

testFaces(embeddedThree);
testOutages(embeddedThreeOutage);
