"""datasets.yaml and the files that it lists."""

import pytest
import yaml

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets, write_datasets
from gammapy_hli.engine.datasets.ogip import write_ogip


def test_datasets_of_both_kinds_read_back_in_order(tmp_path, make_on_off, make_cash, assert_bitwise):
    datasets = Datasets([make_on_off(name="23526"), make_cash(name="23523")])
    path = write_datasets(datasets, tmp_path / "reduction")
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "datasets.yaml", "pha_obs23523.fits", "pha_obs23526.fits",
    ]  # fmt: skip
    for found, dataset in zip(read_datasets(path), datasets, strict=True):
        assert_bitwise(found, dataset)


def test_list_is_what_gammapy_reads(tmp_path, make_on_off):
    document = yaml.safe_load(write_datasets([make_on_off()], tmp_path).read_text())
    assert document["datasets"] == [{"name": "1", "type": "SpectrumDatasetOnOff", "filename": "pha_obs1.fits"}]
    assert len(document["checksum"]) == 32  # gammapy warns of a file without one


def test_ogip_files_may_be_listed(tmp_path, make_on_off):
    name = write_ogip(make_on_off(), tmp_path).name
    write_datasets([make_on_off()], tmp_path, files={"1": name})
    assert read_datasets(tmp_path)["1"].counts_off.sum() == 36
    assert not (tmp_path / "pha_obs1.fits").exists()


def test_same_datasets_give_the_same_bytes(tmp_path, make_on_off):
    one, other = (write_datasets([make_on_off()], tmp_path / name) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: 3", "no list 'datasets'"),
        ("datasets: [{name: x}]", "has no filename"),
        ("datasets: [{name: x, type: FluxPointsDataset, filename: x.fits}]", "has type 'FluxPointsDataset'"),
        ("datasets: [{name: x, type: SpectrumDataset, filename: gone.fits}]", r"gone\.fits"),
    ],
)
def test_broken_lists_are_located(tmp_path, text, message):
    (tmp_path / "datasets.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_datasets(tmp_path)


def test_missing_list_is_named(tmp_path):
    with pytest.raises(InputError, match=r"datasets\.yaml: no such file"):
        read_datasets(tmp_path)
