"""What a judge may look at in pictures that is no place: colour, light, detail, position, size, background, texture.

Each can be taken away (it is then the same in all pictures) and swapped for another picture's, and leaves the rest as
far as that can be. Source: after Reinhard et al. 2001 for colour, and Oppenheim & Lim 1981 for amplitude and phase.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganlens.modality.edit import Aspect
from ganlens.modality.frequency_aspects import FINEST_OF_COARSE, frequency_aspects
from ganlens.modality.palette_aspect import palette_aspect
from ganlens.modality.picture_geometry import extent, moved, resized
from ganlens.modality.picture_ground import background, departures, own_grounds

COLOURS = ("red", "green", "blue")
FAINT = 1e-6
SHOWS = 0.02
"""An aspect whose swap changes no value of any picture by as much as this (of 2, black to white) is in all the same."""
LOOKED_AT = 256
FULL = 0.5
"""A pixel that departs this much (of 2, black to white) from the ground is wholly in front of it."""

Swapped = Callable[[Tensor, Tensor], Tensor]


def picture_aspects(like: Tensor) -> tuple[Aspect, ...]:
    """The aspects of pictures [n, c, h, w] in −1…1 that differ between pictures such as `like`."""
    opaque = like[:, : _colours(like)]
    aspects = (
        *_of_light(opaque),
        *_of_colour(opaque),
        *_of_place(opaque),
        _background(opaque),
        *frequency_aspects(opaque, (1, 2)),
        _texture(opaque),
        palette_aspect(opaque),
    )
    looked_at = opaque[:LOOKED_AT]
    others = looked_at.roll(1, dims=0)
    return tuple(
        _within(aspect)
        for aspect in aspects
        if float((aspect.swapped(looked_at, others) - looked_at).abs().max()) >= SHOWS
    )


def _colours(pictures: Tensor) -> int:
    """Channels that are no alpha."""
    channels = pictures.shape[1]
    return channels - 1 if channels in (2, 4) else channels


def _within(aspect: Aspect) -> Aspect:
    """The aspect of pictures with any alpha, which stays, and with values that stay in −1…1."""

    def removed(pictures: Tensor) -> Tensor:
        colours = _colours(pictures)
        return torch.cat([aspect.removed(pictures[:, :colours]).clamp(-1, 1), pictures[:, colours:]], dim=1)

    def swapped(pictures: Tensor, others: Tensor) -> Tensor:
        colours = _colours(pictures)
        own, theirs = pictures[:, :colours], others[:, :colours]
        return torch.cat([aspect.swapped(own, theirs).clamp(-1, 1), pictures[:, colours:]], dim=1)

    return Aspect(aspect.name, aspect.family, removed, swapped)


# ---- light


def _of_light(like: Tensor) -> tuple[Aspect, ...]:
    ground = background(like)
    usual_light = (like.mean() + 1) / 2
    usual_strength = strength(like, ground).mean()
    deepens = bool(like.mean() < ground.mean())

    def with_light(pictures: Tensor, light: Tensor) -> Tensor:
        """Scaled as light is where there is room, and then mixed with white; from white where the ground is light."""
        share = (pictures.clamp(-1, 1) + 1) / 2
        if deepens:
            return 1 - 2 * _to_mean(1 - share, 1 - light)
        return 2 * _to_mean(share, light) - 1

    def with_strength(pictures: Tensor, wanted: Tensor) -> Tensor:
        times = wanted / strength(pictures, ground).clamp_min(FAINT)
        stands_on = ground.to(pictures).view(1, -1, 1, 1)
        return stands_on + _each(times) * (pictures - stands_on)

    return (
        Aspect(
            "brightness",
            "light",
            lambda pictures: with_light(pictures, usual_light.expand(len(pictures)).to(pictures)),
            lambda pictures, others: with_light(pictures, (others.mean(dim=(1, 2, 3)) + 1) / 2),
        ),
        Aspect(
            "contrast",
            "light",
            lambda pictures: with_strength(pictures, usual_strength.expand(len(pictures)).to(pictures)),
            lambda pictures, others: with_strength(pictures, strength(others, ground)),
        ),
    )


def _to_mean(shares: Tensor, wanted: Tensor) -> Tensor:
    """Shares [n, …] in 0…1 brought to a mean [n]: times as much, until one of them is 1, and then towards 1."""
    times = (wanted / shares.mean(dim=(1, 2, 3)).clamp_min(FAINT)).clamp(max=1e6)
    scaled = shares * _each(torch.minimum(times, 1 / shares.amax(dim=(1, 2, 3)).clamp_min(FAINT)))
    mean = scaled.mean(dim=(1, 2, 3))
    towards = ((wanted - mean) / (1 - mean).clamp_min(FAINT)).clamp(0, 1)
    return scaled + _each(towards) * (1 - scaled)


def strength(pictures: Tensor, ground: Tensor) -> Tensor:
    """How far [n] what is drawn departs from the ground [c]: the mean departure, weighed by itself."""
    departs = departures(pictures, ground)
    return departs.square().sum(dim=(1, 2)) / departs.sum(dim=(1, 2)).clamp_min(FAINT)


# ---- colour


def _of_colour(like: Tensor) -> tuple[Aspect, ...]:
    if like.shape[1] != 3:
        return ()
    ground, usual = background(like), like.mean(dim=0, keepdim=True)

    def tint(pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The mean colour [n, 3, 1, 1] of what is drawn, less its brightness, and each pixel's share [n, 1, h, w]."""
        departs = (pictures - ground.to(pictures).view(1, -1, 1, 1)).abs().mean(dim=1, keepdim=True)
        total = departs.sum(dim=(2, 3), keepdim=True).clamp_min(FAINT)
        mean = (pictures * departs).sum(dim=(2, 3), keepdim=True) / total
        weight = departs * total / departs.square().sum(dim=(2, 3), keepdim=True).clamp_min(FAINT**2)
        return mean - mean.mean(dim=1, keepdim=True), weight

    def with_tint(pictures: Tensor, others: Tensor) -> Tensor:
        (own, weight), (theirs, _) = tint(pictures), tint(others)
        return _in_gamut(pictures.mean(dim=1, keepdim=True), pictures + weight * (theirs - own))

    def one_channel(channel: int) -> Aspect:
        def exchanged(pictures: Tensor, others: Tensor) -> Tensor:
            mixed = pictures.clone()
            mixed[:, channel] = others.to(pictures)[:, channel]
            return mixed

        name = f"the {COLOURS[channel]} channel"
        return Aspect(name, "colour", lambda pictures: exchanged(pictures, usual), exchanged)

    def grey(pictures: Tensor) -> Tensor:
        return pictures.mean(dim=1, keepdim=True).expand_as(pictures)

    return (Aspect("colour", "colour", grey, with_tint), *(one_channel(channel) for channel in range(3)))


def _in_gamut(grey: Tensor, pictures: Tensor) -> Tensor:
    """Each pixel nearer to its own brightness until it is a colour that there is: hue and brightness stay."""
    tint = pictures - pictures.mean(dim=1, keepdim=True)
    most, least = tint.amax(dim=1, keepdim=True), tint.amin(dim=1, keepdim=True)
    room = torch.minimum((1 - grey) / most.clamp_min(FAINT), (grey + 1) / (-least).clamp_min(FAINT))
    return grey + tint * room.clamp(0, 1)


# ---- where and how large


def _of_place(like: Tensor) -> tuple[Aspect, ...]:
    ground = background(like)
    usual = extent(like, ground).size.log().mean().exp()

    def with_place(pictures: Tensor, places: Tensor) -> Tensor:
        return moved(pictures, places - extent(pictures, ground).place)

    def with_size(pictures: Tensor, sizes: Tensor) -> Tensor:
        return resized(pictures, extent(pictures, ground), sizes)

    return (
        Aspect(
            "position",
            "position",
            lambda pictures: with_place(pictures, pictures.new_full((len(pictures), 2), 0.5)),
            lambda pictures, others: with_place(pictures, extent(others, ground).place),
        ),
        Aspect(
            "size",
            "size",
            lambda pictures: with_size(pictures, usual.to(pictures).expand(len(pictures))),
            lambda pictures, others: with_size(pictures, extent(others, ground).size),
        ),
    )


# ---- ground and texture


def _background(like: Tensor) -> Aspect:
    usual = background(like)[None]

    def with_ground(pictures: Tensor, grounds: Tensor) -> Tensor:
        own = own_grounds(pictures)[..., None, None]
        behind = 1 - ((pictures - own).abs().mean(dim=1, keepdim=True) / FULL).clamp(max=1)
        return pictures + behind * (grounds - own)

    return Aspect(
        "the background",
        "background",
        lambda pictures: with_ground(pictures, usual.to(pictures)[..., None, None]),
        lambda pictures, others: with_ground(pictures, own_grounds(others)[..., None, None]),
    )


def _texture(like: Tensor) -> Aspect:
    """How strong each wave is, and not where it lies; of what is finer than coarse shape."""
    usual = _spectrum(like).abs().mean(dim=0, keepdim=True)
    height, width = like.shape[2:]
    down, across = torch.fft.fftfreq(height)[:, None] * 2, torch.fft.rfftfreq(width)[None] * 2
    finer = (down.square() + across.square()).sqrt() >= FINEST_OF_COARSE

    def with_strengths(pictures: Tensor, strengths: Tensor) -> Tensor:
        own = _spectrum(pictures)
        turned = torch.polar(strengths.to(own.real), own.angle())
        mixed = torch.where(finer.to(pictures.device), turned, own)
        pixels: Tensor = torch.fft.irfft2(mixed, s=(height, width))
        return pixels.to(pictures)

    return Aspect(
        "texture",
        "texture",
        lambda pictures: with_strengths(pictures, usual.expand(len(pictures), -1, -1, -1)),
        lambda pictures, others: with_strengths(pictures, _spectrum(others).abs()),
    )


def _spectrum(pictures: Tensor) -> Tensor:
    waves: Tensor = torch.fft.rfft2(pictures.float())
    return waves


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]
