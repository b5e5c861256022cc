// Reads a release straight from SSM and verifies it: docs/release-format.md, format 2.
package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

const maxUnpacked = 4 * 1024 * 1024

var isPart = regexp.MustCompile("^[0-9a-f]{16}$")

type release struct {
	Format                             int
	Model, Environment, Digest, Config string
	Zlib                               string
	Parts, Secrets                     []string
}

func read(ctx context.Context, client *ssm.Client, name string) (string, error) {
	found, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	return *found.Parameter.Value, nil
}

func readRelease(ctx context.Context, client *ssm.Client, model, label string) (*release, error) {
	document, err := read(ctx, client, model+"/release:"+label)
	if err != nil {
		return nil, err
	}
	var r release
	if err := json.Unmarshal([]byte(document), &r); err != nil {
		return nil, err
	}
	if r.Format != 2 || !strings.HasSuffix(model, "/"+r.Environment+"/"+r.Model) {
		return nil, errors.New("not this model's release, or of another format")
	}
	if r.Config == "" {
		if r.Config, err = unpack(ctx, client, model, &r); err != nil {
			return nil, err
		}
		if r.Secrets == nil { // they are among the compressed text
			if err := json.Unmarshal([]byte(r.Config), &r); err != nil {
				return nil, err
			}
		}
	}
	if fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(r.Config))) != r.Digest {
		return nil, errors.New("the configuration was changed after its release")
	}
	return &r, nil
}

func unpack(ctx context.Context, client *ssm.Client, model string, r *release) (string, error) {
	data := r.Zlib
	for _, part := range r.Parts {
		if !isPart.MatchString(part) {
			return "", errors.New("no part's name: " + part)
		}
		text, err := read(ctx, client, model+"/release/parts/"+part)
		if err != nil {
			return "", err
		}
		data += text
	}
	packed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return "", err
	}
	unpacker, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(unpacker, maxUnpacked))
	if len(text) == maxUnpacked {
		err = errors.New("over 4 MiB")
	}
	return string(text), err
}

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	r, err := readRelease(ctx, ssm.NewFromConfig(settings), os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	var values struct{ Generation struct{ Temperature float64 } }
	if err := json.Unmarshal([]byte(r.Config), &values); err != nil {
		panic(err)
	}
	fmt.Printf("%s, temperature %v\n", r.Digest, values.Generation.Temperature)
}
