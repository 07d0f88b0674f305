import { testFaces } from './faces/face-test.js';
import { testOutages } from './faces/outage.js';
import { simulated, simulatedOutage } from './harness/simulated-home.js';

testFaces(simulated);
testOutages(simulatedOutage);
