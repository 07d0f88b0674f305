import { testFaces } from './faces/face-test.js';
import { testOutages } from './faces/outage.js';
import { embeddedAlone } from './harness/homes.js';
import { embeddedAloneOutage } from './harness/outages.js';

testFaces(embeddedAlone);
testOutages(embeddedAloneOutage);
