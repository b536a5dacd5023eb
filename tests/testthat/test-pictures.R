# Snapshots of every picture, of small data so that the files stay small. Each has been looked at,
# with 5 groups and with 500.

few_groups <- function() {
  if (is.null(shared$few)) {
    set.seed(4)
    d <- data.frame(g = factor(rep(letters[1:5], each = 9)), f = gl(3, 1, 45), x = rep(0:8, 5))
    d$y <- 2 + d$x + rnorm(5)[d$g] + rnorm(5)[d$g] * d$x / 2 + as.integer(d$f) / 2 + rnorm(45) / 2
    shared$few_data <- d
    shared$few <- rlmm(y ~ x + f + (x | g), d)
  }
  shared$few
}

lattice_pictures <- list(
  residuals = quote(plot(fit, id = 0.1)),
  qq = quote(plot(fit, which = "qq")),
  qqmath = quote(lattice::qqmath(fit, id = 0.1, idLabels = ~g)),
  scale = quote(plot(fit, which = "scale")),
  group = quote(plot(fit, which = "group")),
  panels = quote(plot(fit, resid(., scaled = TRUE) ~ x | f, abline = 0)),
  boxes = quote(plot(fit, g ~ resid(.))),
  density = quote(plot(fit, ~ resid(.))),
  "ranef dotplot" = quote(lattice::dotplot(ranef(fit))),
  "ranef qqmath" = quote(lattice::qqmath(ranef(fit))),
  "ranef plot" = quote(plot(ranef(fit))),
  "coef dotplot" = quote(lattice::dotplot(coef(fit))),
  "coef plot" = quote(plot(coef(fit))),
  effect = quote(plot_effect(fit, data = data)),
  "effect of a factor" = quote(plot_effect(fit, "f", data = data)),
  "effect without lines" = quote(plot_effect(fit, group = NA, data = data)),
  shrinkage = quote(plot_shrinkage(fit)),
  "shrinkage of one" = quote(plot_shrinkage(fit, columns = "x")),
  "influence of groups" = quote(plot(influence(fit, "g"))),
  "influence of rows" = quote(plot(influence(fit))),
  "profile zeta" = quote(lattice::xyplot(profile(fit))),
  "profile absolute" = quote(lattice::xyplot(profile(fit), absVal = TRUE)),
  "profile density" = quote(lattice::densityplot(profile(fit))),
  "profile log-likelihood" = quote(plot(profile(fit))),
  "profile pairs" = quote(lattice::splom(profile(fit), which = c(1, 2, 4))),
  bootstrap = quote(plot(bootMer(fit, nsim = 100, seed = 1))),
  power = quote(plot(power_sim(fit, "x", list(g = c(4, 5, 8)), effect = c(0.5, 1), nsim = 50,
    seed = 1)))
)

ggplot_pictures <- list(
  residuals = quote(ggplot2::autoplot(fit, id = 0.1)),
  qq = quote(ggplot2::autoplot(fit, "qq", id = 0.1)),
  scale = quote(ggplot2::autoplot(fit, "scale")),
  group = quote(ggplot2::autoplot(fit, "group")),
  "ranef dotplot" = quote(ggplot2::autoplot(ranef(fit))),
  "ranef qq" = quote(ggplot2::autoplot(ranef(fit), "qq")),
  "ranef scatter" = quote(ggplot2::autoplot(ranef(fit), "scatter")),
  coef = quote(ggplot2::autoplot(coef(fit))),
  effect = quote(ggplot2::autoplot(fit, "effect", data = data)),
  "effect of a factor" = quote(ggplot2::autoplot(fit, "effect", variable = "f", data = data)),
  shrinkage = quote(ggplot2::autoplot(fit, "shrinkage")),
  "shrinkage of one" = quote(ggplot2::autoplot(fit, "shrinkage", columns = "x")),
  "influence of groups" = quote(ggplot2::autoplot(influence(fit, "g"))),
  "influence of rows" = quote(ggplot2::autoplot(influence(fit)))
)

# Pictures of the fit with few groups, the first where there is one for each factor.
drawn <- function(pictures) {
  fit <- few_groups()
  data <- shared$few_data
  lapply(pictures, function(call) {
    picture <- eval(call)
    if (inherits(picture, "rlmm_plots")) unclass(picture)[[1]] else picture
  })
}

test_that("lattice draws the pictures as they were", {
  skip_if_not_installed("vdiffr")
  found <- drawn(lattice_pictures)
  for (name in names(found)) vdiffr::expect_doppelganger(paste("lattice", name), found[[name]])
})

test_that("ggplot2 draws the pictures as they were", {
  skip_if_not_installed("vdiffr")
  skip_if_not_installed("ggplot2")
  minor <- unlist(packageVersion("ggplot2"))[1:2]
  skip_if_not(identical(minor, c(3L, 4L)), "the snapshots are those of ggplot2 3.4")
  found <- drawn(ggplot_pictures)
  for (name in names(found)) vdiffr::expect_doppelganger(paste("ggplot2", name), found[[name]])
})

test_that("no picture takes from the session's random numbers", {
  set.seed(1)
  before <- .Random.seed
  for (picture in drawn(lattice_pictures)) draws(picture)
  if (requireNamespace("ggplot2", quietly = TRUE)) {
    for (picture in drawn(ggplot_pictures)) draws(picture)
  }
  expect_identical(.Random.seed, before)
})

# Data of the layer that has these columns, as ggplot2 draws them.
layer_with <- function(picture, columns) {
  layers <- ggplot2::ggplot_build(picture)$data
  Filter(function(layer) all(columns %in% names(layer)), layers)[[1]]
}

test_that("ggplot2's panels show what lattice's do", {
  skip_if_not_installed("ggplot2")
  ours <- drawn(lattice_pictures)
  theirs <- drawn(ggplot_pictures)
  points <- function(name) layer_with(theirs[[name]], c("x", "y", "shape"))
  for (name in c("residuals", "scale")) {
    expect_equal(points(name)$x, ours[[name]]$panel.args[[1]]$x)
    expect_equal(points(name)$y, ours[[name]]$panel.args[[1]]$y)
  }
  expect_equal(points("qq")$y, sort(ours$qq$panel.args[[1]]$x))
  expect_equal(points("group")$x, unname(ours$group$panel.args[[1]]$x))
  for (name in c("dotplot", "qqmath")) {
    dots <- points(paste("ranef", c(dotplot = "dotplot", qqmath = "qq")[[name]]))
    for (panel in 1:2) {
      args <- ours[[paste("ranef", name)]]$panel.args[[panel]]
      mine <- dots[dots$PANEL == panel, ]
      expect_equal(mine$x, args$x)
      expect_equal(as.numeric(mine$y), as.numeric(args$y))
    }
  }
  expect_equal(points("ranef scatter")$x, ours[["ranef plot"]]$panel.args[[1]]$x)
  line <- rev(ggplot2::ggplot_build(theirs$effect)$data)[[1]]
  expect_equal(line$x, unname(ours$effect$panel.args[[1]]$x))
  expect_equal(line$y, unname(ours$effect$panel.args[[1]]$y))
  ends <- layer_with(theirs$shrinkage, c("xend", "yend"))
  expect_equal(ends$x, unname(ours$shrinkage$panel.args[[1]]$x))
  expect_equal(layer_with(theirs[["influence of rows"]], c("xend", "yend"))$y,
    unname(ours[["influence of rows"]]$panel.args[[1]]$y))
})

test_that("ggplot2's panels are one for each factor and effect", {
  skip_if_not_installed("ggplot2")
  picture <- ggplot2::autoplot(ranef(our_fit("three")))
  panels <- ggplot2::ggplot_build(picture)$layout$layout$panel
  expect_equal(as.character(panels), c("Subject: (Intercept)", "Subject: Days", "Subject: z",
    "h: (Intercept)"))
  for (name in c("three", "weighted", "exclude", "singular", "penicillin", "pastes")) {
    fit <- our_fit(name)
    for (which in c("residuals", "qq", "scale", "group", "shrinkage")) {
      expect_true(draws(ggplot2::autoplot(fit, which)), label = paste(name, which))
    }
    expect_true(draws(ggplot2::autoplot(ranef(fit))), label = name)
    expect_true(draws(ggplot2::autoplot(ranef(fit, drop = TRUE), "qq")), label = name)
  }
  for (fit in list(many_groups())) {
    expect_true(draws(ggplot2::autoplot(ranef(fit))))
    expect_true(draws(ggplot2::autoplot(influence(fit, "g"), labels = 2)))
  }
  expect_error(ggplot2::autoplot(our_fit("slope"), "pie"), class = "rlmm_bad_argument")
  expect_error(ggplot2::autoplot(ranef(our_fit("penicillin")), "scatter"),
    class = "rlmm_bad_argument")
})

test_that("fortify() has lme4's columns", {
  skip_if_not_installed("ggplot2")
  ours <- ggplot2::fortify(our_fit("slope"))
  theirs <- suppressWarnings(lme4::fortify.merMod(lme4_fit("slope"), method_data()))
  for (name in c(".fitted", ".resid", ".scresid")) {
    expect_equal(ours[[name]], unname(theirs[[name]]), tolerance = 1e-4, label = name)
  }
  padded <- ggplot2::fortify(our_fit("exclude"), method_data())
  expect_equal(padded$.fitted, unname(fitted(our_fit("exclude"))))
  expect_equal(nrow(ggplot2::fortify(our_fit("exclude"))), 178L)
  expect_error(ggplot2::fortify(our_fit("slope"), mtcars), class = "rlmm_bad_argument")
})
