import { testFaces } from './faces/face-test.js';
import { testOutages } from './faces/outage.js';
import { remote } from './harness/homes.js';
import { remoteOutage } from './harness/outages.js';

testFaces(remote);
testOutages(remoteOutage);
