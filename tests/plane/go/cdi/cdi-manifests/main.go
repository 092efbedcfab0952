// cdi-manifests prints the objects that install CDI's operator (namespace,
// CRD, RBAC, ServiceAccount, Deployment) as a YAML stream, the way a release's
// cdi-operator.yaml does, but with local image names.
//
// It exists because the release file is generated at release time and is not
// in the module. The CDI object itself is not printed.
package main

import (
	"flag"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"kubevirt.io/containerized-data-importer/pkg/operator/resources/namespaced"
	"kubevirt.io/containerized-data-importer/pkg/operator/resources/operator"
	"kubevirt.io/containerized-data-importer/tools/util"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cdi-manifests:", err)
		os.Exit(1)
	}
}

func run() error {
	namespace := flag.String("namespace", "cdi", "namespace of the operator and its parts")
	prefix := flag.String("image-prefix", "localhost/plane", "what stands before /cdi-operator and the others")
	tag := flag.String("image-tag", "v1.65.0", "tag of all images")
	version := flag.String("operator-version", "v1.65.0", "version the operator reports")
	pullPolicy := flag.String("pull-policy", "IfNotPresent", "imagePullPolicy of all pods")
	verbosity := flag.String("verbosity", "1", "log level of all parts")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}

	image := func(binary string) string { return *prefix + "/" + binary + ":" + *tag }
	objects, err := operator.CreateOperatorResourceGroup("everything", &operator.FactoryArgs{
		Image: image("cdi-operator"),
		NamespacedArgs: namespaced.FactoryArgs{
			OperatorVersion:        *version,
			DeployClusterResources: "true",
			Namespace:              *namespace,
			PullPolicy:             *pullPolicy,
			Verbosity:              *verbosity,
			ControllerImage:        image("cdi-controller"),
			ImporterImage:          image("cdi-importer"),
			ClonerImage:            image("cdi-cloner"),
			OvirtPopulatorImage:    image("cdi-importer"),
			APIServerImage:         image("cdi-apiserver"),
			UploadProxyImage:       image("cdi-uploadproxy"),
			UploadServerImage:      image("cdi-uploadserver"),
		},
	})
	if err != nil {
		return err
	}
	space := &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: *namespace, Labels: map[string]string{"cdi.kubevirt.io": ""}},
	}
	if err := util.MarshallObject(space, os.Stdout); err != nil {
		return err
	}
	for _, object := range objects {
		if err := util.MarshallObject(object, os.Stdout); err != nil {
			return err
		}
	}
	return nil
}
