import {
  checkHalfDone,
  checkNodes,
  checkOperators,
  checkPlatform,
  checkSigningRequests,
  checkVersion,
} from './preflight-cluster.ts';
import type { Finding, PreflightQuestion } from './preflight-finding.ts';
import {
  checkImageConfig,
  checkLoadBalancer,
  checkMirrorSets,
  checkPackages,
  checkPermissions,
  checkPools,
  checkStorage,
} from './preflight-run.ts';

/** All checks of the management cluster, in the order in which their results are shown. Nothing is written. */
export async function checkManagementCluster(question: PreflightQuestion): Promise<Finding[]> {
  const version = await checkVersion(question);
  // On anything but OpenShift every other check would only repeat that.
  if (version.some(({ level }) => level === 'error')) return version;
  const checks = [
    checkPermissions,
    checkOperators,
    checkNodes,
    checkPlatform,
    checkPools,
    checkImageConfig,
    checkMirrorSets,
    checkPackages,
    checkStorage,
    checkLoadBalancer,
    checkSigningRequests,
    checkHalfDone,
  ];
  const results = await Promise.all(checks.map((check) => check(question)));
  return [...version, ...results.flat()];
}
