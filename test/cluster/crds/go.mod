module airgap.test/crds

go 1.26.0
