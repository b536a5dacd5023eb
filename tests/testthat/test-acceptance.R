# Estimates that are known to many digits. Each is the best that several optimisers (lme4 1.1-31
# with bobyqa, Nelder-Mead and nloptwrap, in R 4.2.2) reached at tight tolerances, from several
# starting points where they disagreed: published output of some of these models, and lme4's default
# search, stop at false optima. `sd` are the random effects' standard deviations by term and then
# the residual one, `cor` their correlations, `se` the standard errors of beta.
estimates <- function(criterion, theta, sd, cor = numeric(), beta, se) {
  list(criterion = criterion, theta = theta, sd = sd, cor = cor, beta = beta, se = se)
}
known <- function(formula, data, REML = NULL, ML = NULL) {
  list(formula = formula, data = data, REML = REML, ML = ML)
}
acceptance <- list(
  sleep_intercept = known(Reaction ~ Days + (1 | Subject), "sleepstudy",
    REML = estimates(1786.46508539, 1.197882, c(37.12383, 30.99123),
      beta = c(251.4051, 10.467286), se = c(9.746716, 0.8042214)),
    ML = estimates(1794.07864301, 1.165612, c(36.01208, 30.89543),
      beta = c(251.4051, 10.467286), se = c(9.506185, 0.8017354))
  ),
  sleep_slope = known(Reaction ~ Days + (Days | Subject), "sleepstudy",
    REML = estimates(1743.62827196, c(0.9667328, 0.01516906, 0.2309096),
      c(24.74045, 5.922133, 25.59182), 0.0655513, c(251.4051, 10.467286), c(6.824556, 1.545789)),
    ML = estimates(1751.93934446, c(0.9292253, 0.01816562, 0.2226454),
      c(23.78056, 5.716834, 25.59182), 0.0813197, c(251.4051, 10.467286), c(6.632276, 1.502237))
  ),
  sleep_crossed = known(Reaction ~ Days + (Days | Subject) + (1 | Days), "sleepstudy",
    REML = estimates(1743.62827196, c(0.9667328, 0.01516906, 0.2309096, 0),
      c(24.74045, 5.922133, 0, 25.59182), 0.0655513, c(251.4051, 10.467286),
      c(6.824556, 1.545789))
  ),
  cars_slope = known(mpg ~ 1 + (hp | cyl), "mtcars",
    REML = estimates(168.24296806, c(3.722201, -0.01948029, 0.003299639),
      c(11.04017, 0.05860219, 2.966034), -0.9859561, 16.961442, 1.596334),
    ML = estimates(169.61827650, c(4.245392, -0.0202239, 0),
      c(12.3978, 0.0590597, 2.920295), -1, 15.351464, 0.7514281)
  ),
  cars_split = known(mpg ~ 1 + (1 | cyl) + (0 + hp | cyl), "mtcars",
    REML = estimates(170.86839888, c(1.700104, 0.00384041), c(5.425532, 0.01225587, 3.191295),
      beta = 21.220713, se = 3.312359),
    ML = 174.88860034
  ),
  cars_intercept = known(mpg ~ 1 + (1 | cyl), "mtcars",
    REML = estimates(170.99157735, 1.787885, c(5.761404, 3.222469), beta = 20.495346,
      se = 3.378724),
    ML = 175.05077868
  ),
  pigs_intercept = known(Weight ~ Time + (1 | Pig), "dietox",
    REML = estimates(4809.55067428, 1.88511, c(6.355624, 3.371486),
      beta = c(15.723523, 6.942505), se = c(0.7880537, 0.03338727)),
    ML = 4805.86490419
  ),
  pigs_slope = known(Weight ~ Time + (1 + Time | Pig), "dietox",
    REML = estimates(4434.09491829, c(1.796874, 0.02708493, 0.2611128),
      c(4.415139, 0.6450286, 2.457122), 0.1031753, c(15.73865, 6.9390141),
      c(0.5501252, 0.07982539)),
    ML = 4431.50558611
  ),
  pigs_split = known(Weight ~ Time + (1 | Pig) + (0 + Time | Pig), "dietox",
    REML = estimates(4434.69612830, c(1.814206, 0.2650165), c(4.45431, 0.6506788, 2.455239),
      beta = c(15.73875, 6.9389911), se = c(0.5544499, 0.08045425)),
    ML = 4432.13106894
  ),
  trees_intercept = known(size ~ Time + (1 | tree), "Sitka",
    REML = estimates(164.77680637, 3.09071, c(0.6119743, 0.1980044),
      beta = c(2.2732443, 0.012685477), se = c(0.08789547, 0.0002654084)),
    ML = 146.64525318
  ),
  trees_slope = known(size ~ Time + (1 + Time | tree), "Sitka",
    REML = estimates(124.96688912, c(4.944529, -0.01075355, 0.01269136),
      c(0.8040244, 0.002704931, 0.1626089), -0.6464572, c(2.2732443, 0.012685477),
      c(0.1009759, 0.0003743314)),
    ML = 107.51695493
  ),
  biomass = known(Biomass ~ Temp + N + (1 + Temp | Site), "biomass",
    REML = estimates(327.24380995, c(1.180343, -0.1630714, 0.797426),
      c(1.034478, 0.7133449, 0.8764215), -0.2003509, c(10.091543, 0.16735864, 2.2095684),
      c(0.250851, 0.1903791, 0.09439613)),
    ML = 321.87114581
  )
)

# Plant biomass at twenty sites whose intercepts and responses to temperature differ.
biomass <- function() {
  set.seed(10)
  d <- data.frame(
    Temp = runif(100, -2, 2), N = runif(100, -2, 2), Site = gl(20, 5, labels = paste0("Site", 1:20))
  )
  level <- 10 + rnorm(20, 0, 1.2)
  slope <- 0.3 + rnorm(20, 0, 0.5)
  d$Biomass <- rnorm(100, level[d$Site] + slope[d$Site] * d$Temp + 2.2 * d$N, 1)
  d
}

acceptance_data <- function(name) {
  if (name == "Sitka") skip_if_not_installed("MASS")
  switch(name,
    sleepstudy = rlmm::sleepstudy, dietox = rlmm::dietox, mtcars = datasets::mtcars,
    Sitka = MASS::Sitka, biomass = biomass()
  )
}

# Relative differences, absolute ones for what is zero in the table.
expect_stated <- function(found, stated, label, tolerance = 1e-4) {
  expect_length(found, length(stated))
  error <- abs(as.vector(found) - stated) / ifelse(stated == 0, 1, abs(stated))
  worst <- max(error, 0)
  expect(worst <= tolerance, paste0(label, ": ", paste(format(found, digits = 9), collapse = ", "),
    " where the table has ", paste(format(stated, digits = 9), collapse = ", "), " (error ",
    format(worst, digits = 2), ")"))
}

standard_deviations <- function(fit) {
  table <- as.data.frame(VarCorr(fit))
  list(sd = table$sdcor[is.na(table$var2)], cor = table$sdcor[!is.na(table$var2)])
}

expect_estimates <- function(fit, stated, label) {
  if (!is.list(stated)) return(invisible())
  spread <- standard_deviations(fit)
  expect_stated(getME(fit, "theta"), stated$theta, paste(label, "theta"))
  expect_stated(spread$sd, stated$sd, paste(label, "sd"))
  expect_stated(spread$cor, stated$cor, paste(label, "cor"))
  expect_stated(fixef(fit), stated$beta, paste(label, "beta"))
  expect_stated(sqrt(diag(vcov(fit))), stated$se, paste(label, "se"))
}

for (model in names(acceptance)) {
  for (method in c("REML", "ML")) {
    stated <- acceptance[[model]][[method]]
    if (is.null(stated)) next
    test_that(paste("the default call finds the optimum of", model, "by", method), {
      about <- acceptance[[model]]
      data <- acceptance_data(about$data)
      expect_warning(
        fit <- suppressMessages(rlmm(about$formula, data, REML = method == "REML")), NA
      )
      label <- paste(model, method)
      criterion <- if (is.list(stated)) stated$criterion else stated
      expect_lte(fit$criterion - criterion, 1e-6, label = label)
      expect_estimates(fit, stated, label)
      expect_true(optinfo(fit)$certificate$certified, label = label)
    })
  }
}

test_that("what is singular in the table is reported as singular, and nothing else", {
  skip_if_not_installed("MASS")
  singular <- function(model, REML) {
    about <- acceptance[[model]]
    found <- character()
    withCallingHandlers(
      fit <- rlmm(about$formula, acceptance_data(about$data), REML = REML),
      rlmm_singular = function(m) {
        found <<- c(found, m$term)
        invokeRestart("muffleMessage")
      }
    )
    expect_identical(isSingular(fit), length(found) > 0, label = model)
    found
  }
  for (model in setdiff(names(acceptance), "sleep_crossed")) {
    expect_identical(singular(model, TRUE), character(), label = model)
  }
  expect_identical(singular("sleep_crossed", TRUE), "1 | Days")
  expect_identical(singular("cars_slope", FALSE), "hp | cyl")
})

test_that("the published false optima of Sitka and mtcars lie above ours", {
  skip_if_not_installed("MASS")
  published <- c(trees_slope = 153.4, cars_slope = 169.4609, cars_split = 170.87687)
  for (model in names(published)) {
    about <- acceptance[[model]]
    fit <- rlmm(about$formula, acceptance_data(about$data))
    expect_lt(fit$criterion, published[[model]])
  }
})
