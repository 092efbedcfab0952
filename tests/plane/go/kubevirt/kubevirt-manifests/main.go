// kubevirt-manifests prints the objects that install virt-operator (namespace,
// CRD, PriorityClass, RBAC, ServiceAccount, Deployment) as a YAML stream, the
// way a release's kubevirt-operator.yaml does, but with local image names.
//
// It exists because the release file is generated at release time and is not
// in the module. The KubeVirt object itself is not printed.
package main

import (
	"flag"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/rbac"
	"kubevirt.io/kubevirt/tools/util"
)

// images are the programs whose image an option of their own can override;
// without it virt-operator makes the name from its own prefix and tag.
var images = []string{
	"virt-operator", "virt-api", "virt-controller", "virt-handler", "virt-launcher",
	"virt-exportproxy", "virt-exportserver", "virt-synchronization-controller",
	"sidecar-shim", "pr-helper", "libguestfs-tools",
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kubevirt-manifests:", err)
		os.Exit(1)
	}
}

func run() error {
	namespace := flag.String("namespace", "kubevirt", "namespace of the operator and its parts")
	prefix := flag.String("image-prefix", "localhost/plane", "what stands before /virt-operator and the others")
	tag := flag.String("image-tag", "v1.8.4", "tag of all images, and the version virt-operator installs")
	pullPolicy := flag.String("pull-policy", "IfNotPresent", "imagePullPolicy of virt-operator")
	replicas := flag.Int("replicas", 1, "replicas of virt-operator")
	verbosity := flag.String("verbosity", "2", "log level of virt-operator")
	override := map[string]*string{}
	for _, name := range images {
		override[name] = flag.String(name+"-image", "", "full image name of "+name)
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}

	deployment := components.NewOperatorDeployment(
		*namespace, *prefix, "", *tag, *verbosity, *tag,
		"", // runbook URL template
		*override["virt-api"], *override["virt-controller"], *override["virt-handler"],
		*override["virt-launcher"], *override["virt-exportproxy"], *override["virt-exportserver"],
		*override["virt-synchronization-controller"],
		"", "", // virt-template is not deployed
		*override["libguestfs-tools"], *override["pr-helper"], *override["sidecar-shim"],
		*override["virt-operator"], corev1.PullPolicy(*pullPolicy))
	count := int32(*replicas)
	deployment.Spec.Replicas = &count

	crd, err := components.NewKubeVirtCrd()
	if err != nil {
		return err
	}
	objects := []any{
		&corev1.Namespace{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: *namespace, Labels: map[string]string{
				"kubevirt.io":                        "",
				"pod-security.kubernetes.io/enforce": "privileged",
			}},
		},
		crd,
		components.NewKubeVirtPriorityClassCR(),
		administrators(),
	}
	for _, object := range rbac.GetAllOperator(*namespace) {
		objects = append(objects, object)
	}
	objects = append(objects, deployment)
	for _, object := range objects {
		if err := util.MarshallObject(object, os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// administrators lets the aggregated role "admin" handle KubeVirt objects.
func administrators() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: "kubevirt.io:operator", Labels: map[string]string{
			"operator.kubevirt.io":                         "",
			"rbac.authorization.k8s.io/aggregate-to-admin": "true",
		}},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"kubevirt.io"},
			Resources: []string{"kubevirts"},
			Verbs:     []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"},
		}},
	}
}
